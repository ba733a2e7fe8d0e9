import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { z } from 'zod';
import { CRD_FOLDER, crdFiles } from './crd-files.ts';
import { structuralSchema, type StructuralSchema } from './crd-schema.ts';
import { crdOf, OWN_KINDS } from './crds.ts';

for (const [name, expected] of crdFiles()) {
  test(`deploy/crds/isthmus/${name} is what the schemas say (else run: node kubernetes/kinds/generate.ts)`, async () => {
    assert.equal(await readFile(new URL(name, CRD_FOLDER), 'utf8'), expected);
  });
}

test('the folder has no definition that is not generated', async () => {
  assert.deepEqual((await readdir(CRD_FOLDER)).toSorted(), [...crdFiles().keys()].toSorted());
});

function nodes(schema: StructuralSchema): readonly StructuralSchema[] {
  const children = [...Object.values(schema.properties ?? {}), schema.items, schema.additionalProperties];
  return [schema, ...children.flatMap((child) => (child === undefined ? [] : nodes(child)))];
}

test('every list and every text of a spec has a limit, or the server would find its rules too costly', () => {
  for (const { spec, resource } of OWN_KINDS) {
    if (spec === undefined) continue;
    for (const node of nodes(structuralSchema(spec))) {
      if (node.type === 'array') assert.ok(Number(node['maxItems']) > 0, `${resource.kind}: ${JSON.stringify(node)}`);
      const isBounded = node['enum'] !== undefined || Number(node['maxLength']) > 0;
      if (node.type === 'string') assert.ok(isBounded, `${resource.kind}: ${JSON.stringify(node)}`);
    }
  }
});

test('every kind has a status subresource, the category of all of them, and conditions that are a map by type', () => {
  for (const own of OWN_KINDS) {
    const { spec } = crdOf(own);
    assert.deepEqual((spec['names'] as { categories: string[] }).categories, ['isthmus']);
    const conditions = structuralSchema(own.status).properties?.['conditions'];
    assert.deepEqual(conditions?.['x-kubernetes-list-map-keys'], ['type']);
  }
});

test('what JSON Schema says and the API server cannot is left out or said its way', () => {
  const schema = z.strictObject({
    kind: z.literal('X'),
    count: z.int().max(7).default(3),
    at: z.iso.datetime().optional(),
    labels: z.record(z.string(), z.string()).optional(),
  });
  assert.deepEqual(structuralSchema(schema), {
    type: 'object',
    properties: {
      kind: { type: 'string', enum: ['X'] },
      count: { type: 'integer', default: 3, minimum: Number.MIN_SAFE_INTEGER, maximum: 7, format: 'int64' },
      at: { type: 'string', format: 'date-time', pattern: undefined },
      labels: { type: 'object', additionalProperties: { type: 'string' } },
    },
    required: ['kind'],
  });
});
