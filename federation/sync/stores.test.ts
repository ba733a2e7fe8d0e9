import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, it } from 'node:test';
import { SystemClock } from '../../runtime/clock.ts';
import { type ClusterId, parseClusterId, serviceKey } from '../model/ids.ts';
import type { Store } from '../store/contract.ts';
import { EmbeddedStore } from '../store/embedded.ts';
import { parseStoreAddress } from '../store/remote/address.ts';
import { RemoteStore } from '../store/remote/client.ts';
import {
  ClustersetFixture,
  makeReader,
  makeWriter,
  type Reader,
  recordsOf,
  type Rim,
  rim,
} from './clusterset.fixture.ts';
import type { Publisher } from './publisher.ts';

/** Publishers and subscribers over the stores that users run: one file of several processes, and a store server. */
const EAST = parseClusterId('east');
const WEST = parseClusterId('west');
const SHOP = serviceKey('default', 'shop');
const clock = new SystemClock();
const clusterset = new ClustersetFixture(['east', 'west'], clock.epochMs());
const SERVER = join(import.meta.dirname, '../store/remote/server-process.fixture.ts');

interface Site {
  readonly writer: Publisher;
  readonly reader: Reader;
}

/** Both sites, each with a way to the store of its own, following each other. */
class Pair implements AsyncDisposable {
  readonly east: Site;
  readonly west: Site;

  private constructor(east: Site, west: Site) {
    this.east = east;
    this.west = west;
  }

  static async start(open: (cluster: ClusterId, components: Rim) => Promise<Store>): Promise<Pair> {
    const [east, west] = await Promise.all([EAST, WEST].map((cluster, index) => Pair.#site(cluster, index, open)));
    assert.ok(east && west, 'two sites');
    return new Pair(east, west);
  }

  static async #site(
    cluster: ClusterId,
    seed: number,
    open: (cluster: ClusterId, components: Rim) => Promise<Store>,
  ): Promise<Site> {
    const components = rim(clock, seed);
    const store = await open(cluster, components);
    const writer = await makeWriter(clusterset, { ...components, store }, cluster);
    const reader = await makeReader(clusterset, { ...components, store }, cluster);
    reader.subscriber.start();
    writer.publish(recordsOf({ shop: 1 }), 'availability');
    return { writer, reader };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { writer, reader } of [this.east, this.west]) {
      await Promise.all([writer.close(), reader.subscriber.close()]);
    }
  }
}

function ready(site: Site, cluster: ClusterId): number | undefined {
  return site.reader.subscriber.views.get(cluster)?.services.get(SHOP)?.ready[0]?.ready;
}

/** Waits for a fact, which must come true within the time in which everything has to have healed. */
async function until(what: string, holds: () => boolean, withinMs = 15_000): Promise<void> {
  const giveUpAtMs = clock.monotonicMs() + withinMs;
  while (!holds()) {
    assert.ok(clock.monotonicMs() < giveUpAtMs, `${what} did not come true within ${withinMs} ms`);
    await clock.sleep(5);
  }
}

async function seeEachOther({ east, west }: Pair, value: number): Promise<void> {
  east.writer.publish(recordsOf({ shop: value }), 'availability');
  west.writer.publish(recordsOf({ shop: value }), 'availability');
  await until(`east and west see ${value}`, () => ready(east, WEST) === value && ready(west, EAST) === value);
}

/** What FLUSHALL is to Redis: every cluster's records gone, the roster left. */
function emptyClusters(path: string): void {
  using database = new DatabaseSync(path);
  database.exec('PRAGMA busy_timeout = 5000; BEGIN IMMEDIATE');
  for (const table of ['clusters', 'records', 'log']) database.exec(`DELETE FROM ${table}`);
  database.exec('COMMIT');
}

describe('two sites on one embedded store', { timeout: 60_000 }, () => {
  const owned = new AsyncDisposableStack();
  let path: string;
  let pair: Pair;

  before(async () => {
    const dir = await mkdtemp(join(tmpdir(), 'isthmus-sync-'));
    owned.defer(() => rm(dir, { recursive: true, force: true }));
    path = join(dir, 'store.db');
    const open = async (_cluster: ClusterId, components: Rim): Promise<Store> =>
      owned.use(await EmbeddedStore.open(components, { path }));
    await clusterset.putRoster(await open(EAST, rim(clock)), clusterset.roster(1));
    pair = owned.use(await Pair.start(open));
  });
  after(() => owned.disposeAsync());

  it('see each other, and every change of the other in the end', async () => {
    for (let value = 1; value <= 20; value++) await seeEachOther(pair, value);
    assert.deepEqual(pair.east.reader.of('rejected'), []);
  });

  it('fill an emptied store again, and lose nothing meanwhile', async () => {
    await seeEachOther(pair, 40);
    emptyClusters(path);
    await seeEachOther(pair, 41);
    for (const { reader } of [pair.east, pair.west]) {
      assert.deepEqual(reader.of('withdrawn'), []);
      assert.ok(reader.of('view').every(({ view }) => view.services.has(SHOP)));
    }
  });
});

describe('two sites on a store server', { timeout: 120_000 }, () => {
  const owned = new AsyncDisposableStack();
  let stateDir: string;
  let server: ChildProcess;
  let link: string;
  let pair: Pair;

  const start = async (port: number): Promise<void> => {
    const child = fork(SERVER, [stateDir, String(port)]);
    server = child;
    owned.defer(() => void child.kill('SIGKILL'));
    // What the child sends is what `server-process.fixture.ts` says.
    const [started] = (await once(child, 'message')) as [{ readonly link: string }];
    link = started.link;
  };
  const open = async (cluster: ClusterId, components: Rim): Promise<Store> => {
    const { key, chain } = clusterset.signer(cluster);
    const certificates = chain.certificates.map((text) => new Uint8Array(Buffer.from(text, 'base64')));
    const identity = { kind: 'member', cluster, svid: () => ({ key, chain: certificates }) } as const;
    return owned.use(new RemoteStore(components, { address: parseStoreAddress(link), identity }));
  };
  const claim = async (): Promise<void> => {
    const address = parseStoreAddress(link);
    await using claimant = new RemoteStore(rim(clock), { address, identity: { kind: 'claimant' } });
    const roster = { version: 1, bytes: clusterset.signed(clusterset.roster(1)) };
    await claimant.claim({ cluster: EAST, root: clusterset.root, roster });
  };

  before(async () => {
    stateDir = await mkdtemp(join(tmpdir(), 'isthmus-sync-'));
    owned.defer(() => rm(stateDir, { recursive: true, force: true }));
    await start(0);
    await claim();
    pair = owned.use(await Pair.start(open));
  });
  after(() => owned.disposeAsync());

  it('see each other, and every change of the other in the end', async () => {
    for (let value = 1; value <= 20; value++) await seeEachOther(pair, value);
    assert.deepEqual(pair.west.reader.of('rejected'), []);
  });

  it('stay as they are while the server hangs, say so, and catch up by themselves', async () => {
    server.kill('SIGSTOP');
    pair.west.writer.publish(recordsOf({ shop: 50 }), 'availability');
    await until('east notices', () => pair.east.reader.of('storeDown').length === 1);
    assert.equal(ready(pair.east, WEST), 20);
    server.kill('SIGCONT');
    await until('east sees what west published meanwhile', () => ready(pair.east, WEST) === 50);
    await until('east says that it is over', () => pair.east.reader.of('storeUp').length === 2);
  });

  it('stay as they are while the server is dead, and catch up when it is back', async () => {
    server.kill('SIGKILL');
    await once(server, 'exit');
    pair.west.writer.publish(recordsOf({ shop: 60 }), 'availability');
    await until('east notices', () => pair.east.reader.of('storeDown').length === 2);
    assert.equal(ready(pair.east, WEST), 50);
    await start(Number(new URL(link).port));
    await until('east sees what west published meanwhile', () => ready(pair.east, WEST) === 60);
  });

  it('fill an emptied server again, and lose nothing meanwhile', async () => {
    emptyClusters(join(stateDir, 'store-server', 'store.db'));
    await seeEachOther(pair, 70);
    for (const { reader } of [pair.east, pair.west]) {
      assert.deepEqual(reader.of('withdrawn'), []);
      assert.ok(reader.of('view').every(({ view }) => view.services.has(SHOP)));
    }
  });
});
