import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { SCHEMA_KINDS, type SchemaKind, schemaOf } from '../../controller/config/json-schema.ts';
import { OWN_KINDS } from '../../kubernetes/kinds/crds.ts';
import { commandHelp } from './commands.ts';
import { type FieldSchema, fieldTable, settingsTable } from './fields.ts';
import { formatJson } from './json.ts';
import { withSections } from './sections.ts';

/** The generated files of `docs/reference`, as they must be now. A test compares, `generate.ts` writes. */
export const REFERENCE_FOLDER = new URL('../../docs/reference/', import.meta.url);

export async function referenceFiles(): Promise<ReadonlyMap<string, string>> {
  const page = (name: string): Promise<string> => readFile(new URL(name, REFERENCE_FOLDER), 'utf8');
  const fields = (kind: SchemaKind): string => fieldTable(schemaOf(kind));
  const config = new Map([
    ['site', fields('site')],
    ['service', fields('service')],
    ['settings', settingsTable()],
  ]);
  const kinds = new Map<string, string>([
    ...(['export-grant', 'failover-policy', 'cluster-set'] as const).map((kind) => [kind, fields(kind)] as const),
    ...OWN_KINDS.map(({ resource, status }) => [`${resource.kind.toLowerCase()}-status`, statusTable(status)] as const),
  ]);
  return new Map([
    ...SCHEMA_KINDS.map((kind) => [`${kind}.schema.json`, `${formatJson(schemaOf(kind))}\n`] as const),
    ['kinds.md', withSections(await page('kinds.md'), kinds)],
    ['config.md', withSections(await page('config.md'), config)],
    ['cli.md', withSections(await page('cli.md'), new Map([['commands', commandHelp()]]))],
  ]);
}

function statusTable(status: z.ZodType): string {
  // zod types the payload more loosely than what it writes for these schemas.
  return fieldTable({ properties: { status: z.toJSONSchema(status, { io: 'input' }) as FieldSchema } });
}
