/** Gives a test's API server the CustomResourceDefinitions of `deploy/crds`, and waits until it serves them. */
import { globSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parse } from 'yaml';
import type { KubeObject } from '../../kubernetes/api/objects.ts';
import { CRDS } from '../../kubernetes/api/resources.ts';
import { until } from '../redis/until.ts';
import type { KubeServer } from './server.ts';

const FOLDER = resolve(import.meta.dirname, '../../deploy/crds');

interface CrdObject extends KubeObject {
  readonly spec: {
    readonly group: string;
    readonly names: { readonly plural: string };
    readonly versions: readonly { readonly name: string; readonly served: boolean }[];
  };
}

/** `only: 'mcs'` leaves out our own kinds. */
export async function installCrds(server: KubeServer, init: { readonly only?: 'mcs' } = {}): Promise<void> {
  const pattern = init.only === 'mcs' ? 'mcs/*.yaml' : '**/*.yaml';
  const files = globSync(pattern, { cwd: FOLDER });
  const crds = await Promise.all(
    files.map(async (file) => parse(await readFile(join(FOLDER, file), 'utf8')) as CrdObject), // our own files
  );
  await Promise.all(crds.filter(({ kind }) => kind === CRDS.kind).map((crd) => install(server, crd)));
}

/** `Established` comes a moment before the server answers, so the fact to wait for is an answer. */
async function install(server: KubeServer, crd: CrdObject): Promise<void> {
  await server.admin.apply(CRDS, crd);
  const { group, names, versions } = crd.spec;
  for (const { name } of versions.filter(({ served }) => served)) {
    const path = `/apis/${group}/${name}/${names.plural}`;
    await until(`${path} to be served`, async () => (await server.admin.raw({ method: 'GET', path })).status === 200);
  }
}
