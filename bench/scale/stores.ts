import { fork } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Store } from '../../federation/store/contract.ts';
import { EmbeddedStore } from '../../federation/store/embedded.ts';
import { openStore } from '../../federation/store/open.ts';
import { parseStoreAddress } from '../../federation/store/remote/address.ts';
import { RemoteStore } from '../../federation/store/remote/client.ts';
import { isInstalled } from '../../tests/redis/programs.ts';
import { startServer } from '../../tests/redis/server.ts';
import type { BenchClusterset } from './clusterset.ts';
import { benchComponents } from './components.ts';
import { CountingProxy } from './counting-proxy.ts';
import { DOMAIN, READER } from './names.ts';

/** A store to measure against: how the load writes into it, and how the measured controller reaches it. */
export interface BenchStore extends AsyncDisposable {
  readonly name: StoreName;
  readonly writing: Store;
  readonly readerUrl: string;
  /** Counts what readers exchange with the store; absent where nothing crosses a wire. */
  readonly wire?: CountingProxy | undefined;
}

export type StoreName = 'embedded' | 'server' | 'valkey';

/** Whoever is asked where the store is: nobody answers there. */
export const DARK_STORE = `isthmus://127.0.0.1:9?pin=sha256:${'0'.repeat(64)}`;

export async function startStore(name: StoreName, clusterset: BenchClusterset): Promise<BenchStore> {
  switch (name) {
    case 'embedded':
      return embeddedStore();
    case 'server':
      return storeServer(clusterset);
    case 'valkey':
      return valkey();
    default:
      return name satisfies never;
  }
}

/** What this checkout can measure. */
export function availableStores(): readonly StoreName[] {
  if (isInstalled('valkey')) return ['embedded', 'server', 'valkey'];
  console.log('valkey: not measured, `make install` has not fetched it');
  return ['embedded', 'server'];
}

async function temporaryFolder(owner: AsyncDisposableStack): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'isthmus-scale-store-'));
  owner.defer(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

async function embeddedStore(): Promise<BenchStore> {
  await using owned = new AsyncDisposableStack();
  const path = join(await temporaryFolder(owned), 'store.db');
  const writing = owned.use(await EmbeddedStore.open(benchComponents(), { path }));
  return owning(owned, { name: 'embedded', writing, readerUrl: `embedded:${path}` });
}

/** The load writes past the server into its file, so that the server's own work is that of serving the readers. */
async function storeServer(clusterset: BenchClusterset): Promise<BenchStore> {
  await using owned = new AsyncDisposableStack();
  const folder = await temporaryFolder(owned);
  const child = fork(join(import.meta.dirname, 'store-server.ts'), [folder], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  owned.defer(() => void child.kill());
  const told = await new Promise<{ link: string; localUrl: string; port: number }>((resolve, reject) => {
    child.once('message', (message) => resolve(message as { link: string; localUrl: string; port: number }));
    child.once('exit', () => reject(new Error('the store server ended')));
  });
  const address = parseStoreAddress(told.link);
  const claimant = new RemoteStore(benchComponents(), { address, identity: { kind: 'claimant' } });
  await claimant.claim({
    cluster: READER,
    root: clusterset.root,
    roster: { version: clusterset.roster.version, bytes: clusterset.rosterBytes },
  });
  await claimant[Symbol.asyncDispose]();
  const wire = owned.use(await CountingProxy.start({ host: '127.0.0.1', port: told.port }));
  const writing = owned.use(await openStore(told.localUrl, storeComponents()));
  const readerUrl = told.link.replace(`:${told.port}`, `:${wire.port}`);
  return owning(owned, { name: 'server', writing, readerUrl, wire });
}

async function valkey(): Promise<BenchStore> {
  await using owned = new AsyncDisposableStack();
  const server = owned.use(await startServer({ program: 'valkey' }));
  const wire = owned.use(await CountingProxy.start({ host: server.host, port: server.port }));
  const writing = owned.use(await openStore(server.url, storeComponents()));
  const readerUrl = server.url.replace(`:${server.port}`, `:${wire.port}`);
  return owning(owned, { name: 'valkey', writing, readerUrl, wire });
}

function storeComponents() {
  return { ...benchComponents(), clusterset: DOMAIN };
}

function owning(owned: AsyncDisposableStack, store: Omit<BenchStore, keyof AsyncDisposable>): BenchStore {
  const running = owned.move();
  return { ...store, [Symbol.asyncDispose]: () => running.disposeAsync() };
}
