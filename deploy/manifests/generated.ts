import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Document, isMap, type Pair, stringify, type YAMLMap } from 'yaml';
import { z } from 'zod';
import { softwareVersion } from '../../controller/version.ts';
import { CLUSTER_RULES, NAMESPACE_RULES } from './access.ts';
import { installManifests } from './all.ts';
import { DEFAULT_RELEASE, VALUES_SCHEMA } from './values.ts';
import { valuesReference } from './values-table.ts';

/** Texts of the generated files, by path below the root of the project. */
const CHART_VALUES_NOTE = ` Values of the chart. Only \`cluster\` and \`clusterset\` are needed.
 Made by deploy/manifests/generate.ts from deploy/manifests/values.ts.`;
const DESCRIPTION =
  'Links Kubernetes clusters and networks: services are called by name over mutual TLS and fail over by themselves';
const EXAMPLE = { cluster: 'east', clusterset: 'prod.example.org' };

export function generatedFiles(root: string): ReadonlyMap<string, string> {
  return new Map([
    ['deploy/chart/Chart.yaml', chartYaml()],
    ['deploy/chart/values.yaml', valuesYaml()],
    ['deploy/chart/values.schema.json', `${JSON.stringify(valuesJsonSchema(), undefined, 2)}\n`],
    ['deploy/chart/files/cluster-rules.yaml', stringify(CLUSTER_RULES)],
    ['deploy/chart/files/namespace-rules.yaml', stringify(NAMESPACE_RULES)],
    ['deploy/kustomize/base/install.yaml', baseYaml()],
    ['deploy/kustomize/base/kustomization.yaml', kustomization(['../../crds', 'install.yaml'], OVERLAY_NOTE)],
    ['docs/reference/install.md', valuesReference(jsonSchema(), VALUES_SCHEMA.parse(EXAMPLE), Object.keys(EXAMPLE))],
    ['deploy/crds/kustomization.yaml', kustomization(crdFiles(root))],
    ...chartCrds(root),
  ]);
}

/** Chart and software have one version: there is one release of both. */
function chartYaml(): string {
  const version = softwareVersion();
  const head = { apiVersion: 'v2', name: 'isthmus', description: DESCRIPTION, type: 'application' };
  const annotations = { 'artifacthub.io/license': 'Apache-2.0' };
  return stringify({ ...head, version, appVersion: version, kubeVersion: '>=1.30.0-0', annotations }, { lineWidth: 0 });
}

/** Defaults, each with what it is for. The two names are empty: there is no default for them. */
function valuesYaml(): string {
  const document = new Document({ ...VALUES_SCHEMA.parse(EXAMPLE), cluster: '', clusterset: '' });
  document.commentBefore = CHART_VALUES_NOTE;
  if (isMap(document.contents)) comment(document.contents, jsonSchema());
  return document.toString({ lineWidth: 0 });
}

interface Described {
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Described>>;
}

function comment(map: YAMLMap, schema: Described): void {
  for (const pair of map.items as Pair<{ value: string; commentBefore?: string; spaceBefore?: boolean }>[]) {
    const field = schema.properties?.[pair.key.value];
    if (field?.description !== undefined) pair.key.commentBefore = ` ${field.description}`;
    if (isMap(pair.value) && field?.properties !== undefined) {
      if (map.items[0] !== pair) pair.key.spaceBefore = true;
      comment(pair.value, field);
    }
  }
}

function jsonSchema(): Described {
  // zod types the payload more loosely than JSON Schema is: descriptions and properties are where they belong.
  return z.toJSONSchema(VALUES_SCHEMA, { io: 'input', target: 'draft-7', unrepresentable: 'any' }) as Described;
}

/** Helm merges its own `global` in, and says in its own words what the two required names are for. */
function valuesJsonSchema(): unknown {
  const { properties, ...schema } = jsonSchema();
  const fields: Record<string, unknown> = { ...properties, global: { type: 'object' } };
  for (const name of Object.keys(EXAMPLE)) {
    const field = properties?.[name] as { readonly pattern?: string } | undefined;
    const emptyOr = field?.pattern === undefined ? {} : { pattern: `^$|${field.pattern}` };
    fields[name] = { ...field, ...emptyOr, format: undefined };
  }
  return { ...schema, title: 'Values of the chart isthmus', properties: fields };
}

function baseYaml(): string {
  const installation = {
    values: VALUES_SCHEMA.parse(EXAMPLE),
    release: { ...DEFAULT_RELEASE, version: softwareVersion() },
  };
  const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: DEFAULT_RELEASE.namespace } };
  return [namespace, ...installManifests(installation)]
    .map((manifest) => stringify(manifest, { lineWidth: 0, aliasDuplicateObjects: false }))
    .join('---\n');
}

function crdFiles(root: string): readonly string[] {
  return ['mcs', 'isthmus'].flatMap((folder) => {
    const path = join(root, 'deploy/crds', folder);
    const names = existsSync(path) ? readdirSync(path).filter((name) => name.endsWith('.yaml')) : [];
    return names.toSorted().map((name) => `${folder}/${name}`);
  });
}

/** Helm takes them from a folder of the chart, and follows no links out of it. */
function chartCrds(root: string): readonly (readonly [string, string])[] {
  return crdFiles(root).map((file) => {
    const name = file.slice(file.indexOf('/') + 1);
    return [`deploy/chart/crds/${name}`, readFileSync(join(root, 'deploy/crds', file), 'utf8')] as const;
  });
}

function kustomization(resources: readonly string[], note = ''): string {
  const head = { apiVersion: 'kustomize.config.k8s.io/v1beta1', kind: 'Kustomization' };
  return `${note}${stringify({ ...head, resources })}`;
}

const OVERLAY_NOTE =
  '# An overlay replaces the ConfigMap isthmus-controller-config, whose site.yaml names the cluster.\n';
