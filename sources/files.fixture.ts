import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { LocalView } from '../federation/model/local.ts';
import { SystemClock } from '../runtime/clock.ts';
import type { Finding } from '../runtime/errors.ts';
import { silentLogger } from '../runtime/log.ts';
import { Metrics } from '../runtime/metrics.ts';
import { FilesSource } from './files.ts';

/** Real files and real `fs.watch` for the tests of the files source. A test waits for the view that it expects. */
export interface Rig {
  readonly folder: string;
  readonly source: FilesSource;
  readonly metrics: Metrics;
  readonly write: (name: string, text: string) => Promise<void>;
  /** Resolves as soon as view and findings fulfil `fact`. */
  readonly until: (fact: (view: LocalView, findings: readonly Finding[]) => boolean) => Promise<void>;
}

export async function temporaryFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'isthmus-files-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

export function openSource(t: TestContext, folder: string, paths: readonly string[], memoryFile?: string): Rig {
  const metrics = new Metrics();
  const source = new FilesSource({ clock: new SystemClock(), log: silentLogger, metrics }, { paths, memoryFile });
  t.after(() => source.close());
  return {
    folder,
    source,
    metrics,
    write: (name, text) => writeFile(join(folder, name), text),
    until: (fact) =>
      new Promise((resolve) => {
        if (fact(source.view, source.findings)) {
          resolve();
          return;
        }
        const stop = source.onChange((view, findings) => {
          if (!fact(view, findings)) return;
          stop();
          resolve();
        });
      }),
  };
}

export async function rig(t: TestContext): Promise<Rig> {
  const folder = await temporaryFolder(t);
  return openSource(t, folder, [folder]);
}

export function service(name: string, addresses: readonly string[] = ['10.0.0.1']): string {
  const endpoints = addresses.map((address) => `{address: ${address}}`).join(', ');
  return `apiVersion: isthmus.dev/v1alpha1
kind: Service
metadata: {name: ${name}}
spec:
  export: true
  ports: [{name: http, port: 80}]
  endpoints: [${endpoints}]
`;
}

/** For facts that do not come true. */
export const TIMEOUT = { timeout: 30_000 };

/** `web=10.0.0.1,10.0.0.2 db=` */
export function summary(view: LocalView): string {
  return [...view.services.values()]
    .map(({ name, endpoints }) => `${name}=${endpoints.map(({ address }) => address).join(',')}`)
    .join(' ');
}

export const shows =
  (text: string) =>
  (view: LocalView): boolean =>
    summary(view) === text;
