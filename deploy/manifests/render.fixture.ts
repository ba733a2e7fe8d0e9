import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { softwareVersion } from '../../controller/version.ts';
import { installManifests } from './all.ts';
import type { Manifest } from './common.ts';
import { DEFAULT_RELEASE, VALUES_SCHEMA } from './values.ts';

/** The two ways to the same objects, and what may differ between them taken out. */
const ROOT = resolve(import.meta.dirname, '../..');
const HELM = join(ROOT, '.tools/helm/bin/helm');
const KUBE_VERSION = '1.34.0';

export const hasHelm = existsSync(HELM);

export function renderedByHelm(values: object): ReadonlyMap<string, Manifest> {
  const input = JSON.stringify(values);
  const namespace = DEFAULT_RELEASE.namespace;
  const args = ['template', 'isthmus', join(ROOT, 'deploy/chart'), '-n', namespace, '--kube-version', KUBE_VERSION];
  const text = execFileSync(HELM, [...args, '-f', '-'], { input, encoding: 'utf8', stdio: ['pipe', 'pipe', 'pipe'] });
  return byName(parseAllDocuments(text).map((document) => document.toJS() as Manifest | null));
}

export function renderedHere(values: object): ReadonlyMap<string, Manifest> {
  const installation = {
    values: VALUES_SCHEMA.parse(values),
    release: { ...DEFAULT_RELEASE, version: softwareVersion() },
  };
  return byName(JSON.parse(JSON.stringify(installManifests(installation))) as Manifest[]);
}

function byName(manifests: readonly (Manifest | null)[]): ReadonlyMap<string, Manifest> {
  const there = manifests.filter((manifest) => manifest !== null);
  const named = there.map((manifest) => [`${manifest.kind}/${manifest.metadata.name}`, comparable(manifest)] as const);
  return new Map(named.toSorted(([left], [right]) => (left < right ? -1 : 1)));
}

/** The Site is compared as what it says, not as it is laid out, and its checksum not at all. */
function comparable(manifest: Manifest): Manifest {
  const copy = structuredClone(manifest) as {
    data?: Record<string, unknown>;
    spec?: { template?: { metadata?: { annotations?: Record<string, string> } } };
  } & Manifest;
  const site = copy.data?.['site.yaml'];
  if (copy.data !== undefined && typeof site === 'string') copy.data['site.yaml'] = parseAllDocuments(site)[0]?.toJS();
  const annotations = copy.spec?.template?.metadata?.annotations;
  if (annotations !== undefined) delete annotations['checksum/config'];
  return copy;
}
