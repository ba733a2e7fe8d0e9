import { readdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { installManifests } from '../../deploy/manifests/all.ts';
import type { Installation, Manifest } from '../../deploy/manifests/common.ts';

/** All objects of an installation in the order of applying: definitions of kinds, the namespace, then what is in it. */
const CRDS = resolve(import.meta.dirname, '../../deploy/crds');
const CRD_FOLDERS = ['mcs', 'isthmus'];

export async function installObjects(installation: Installation): Promise<readonly Manifest[]> {
  const { namespace: name } = installation.release;
  // The server sets this label itself; named here, a second run has nothing to take over.
  const labels = { 'kubernetes.io/metadata.name': name };
  const namespace: Manifest = { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } };
  return [...(await crds()), namespace, ...installManifests(installation)];
}

async function crds(): Promise<readonly Manifest[]> {
  const found: Manifest[] = [];
  for (const folder of CRD_FOLDERS) {
    const names = (await readdir(join(CRDS, folder))).filter((name) => name.endsWith('.yaml')).toSorted();
    for (const name of names) {
      const text = await readFile(join(CRDS, folder, name), 'utf8');
      // Our own files, which the tests apply to a real API server.
      found.push(...parseAllDocuments(text).map((document) => document.toJS() as Manifest));
    }
  }
  return found;
}
