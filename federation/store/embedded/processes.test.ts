import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { commitOf, EAST, hintThat, readPlain, WEST } from '../conformance/rig.fixture.ts';
import { describeStore } from '../conformance.ts';
import { FencedError, StaleCommitError, StoreUnavailableError } from '../contract.ts';
import { EmbeddedStore } from '../embedded.ts';
import { testComponents } from '../remote/server.fixture.ts';
import { ProcessStore } from './process-store.fixture.ts';

const other = Promise.withResolvers<ProcessStore>();
before(async () => {
  const { path, close } = await openInFolder();
  other.resolve(await ProcessStore.start(path));
  await close();
});
after(async () => (await other.promise)[Symbol.asyncDispose]());

describeStore('the embedded store of two processes', async () => {
  const { path, store, close } = await openInFolder();
  const second = await other.promise;
  await second.reopen(path);
  return { store, second, close };
});

describe('several processes on one embedded store', { timeout: 120_000 }, () => {
  it('never show half of a commit, while four of them write the same records', async () => {
    const { path, store, close } = await openInFolder();
    const writers = await Promise.all(Array.from({ length: 4 }, () => ProcessStore.start(path)));
    const written = new AbortController();
    const reading = (async () => {
      let reads = 0;
      for (; !written.signal.aborted; reads += 1) {
        const records = await readPlain(store, EAST);
        if (records !== undefined) assert.equal(new Set(Object.values(records)).size, 1, JSON.stringify(records));
        await turn();
      }
      return reads;
    })();
    await Promise.all(
      writers.map(async (writer, index) => {
        for (let version = 1; version <= 50; version += 1) {
          const marker = `${index}.${version}`;
          const order = { epoch: version, writerId: `w${index}`, version };
          await writer.commit(commitOf(EAST, order, { a: marker, b: marker, c: marker })).catch((error: unknown) => {
            assert.ok(error instanceof FencedError || error instanceof StaleCommitError, String(error));
          });
        }
      }),
    );
    written.abort();
    assert.ok((await reading) > 10);
    assert.deepEqual(await readPlain(store, EAST), { a: '3.50', b: '3.50', c: '3.50' });
    await Promise.all(writers.map((writer) => writer[Symbol.asyncDispose]()));
    await close();
  });

  it('lose nothing that was committed when one of them is killed, and go on', async () => {
    const { path, store, close } = await openInFolder();
    const victim = await ProcessStore.start(path);
    await victim.commit(commitOf(EAST, { version: 1 }, { a: '1' }));
    const large = Object.fromEntries(Array.from({ length: 4_000 }, (_, index) => [`r${index}`, 'x'.repeat(1_000)]));
    // Killed somewhere in the middle of this; the promise of a dead process never settles.
    void victim.commit(commitOf(EAST, { version: 2 }, large));
    await victim.kill();
    const stored = await store.read(EAST);
    assert.ok(stored?.records.size === 1 || stored?.records.size === 4_001, `${stored?.records.size} records`);
    await store.commit(commitOf(EAST, { epoch: 2, version: 3 }, { a: '3' }));
    assert.equal((await readPlain(store, EAST))?.['a'], '3');
    await close();
  });

  it('wait for one that holds the file, give up after two seconds, and leave the event loop free meanwhile', async () => {
    const { path, store, close } = await openInFolder();
    await store.commit(commitOf(EAST, { version: 1 }));
    const holder = await ProcessStore.start(path);
    await holder.hold();
    const patient = store.commit(commitOf(EAST, { version: 3 }));
    await holder.release();
    await patient;

    await holder.hold();
    let turns = 0;
    const ticking = setInterval(() => {
      turns += 1;
    }, 20);
    await assert.rejects(store.commit(commitOf(EAST, { version: 5 })), (error) => {
      assert.ok(error instanceof StoreUnavailableError);
      assert.match(error.message, /locked by another process/);
      return true;
    });
    clearInterval(ticking);
    assert.ok(turns > 20, `the event loop turned ${turns} times`);
    assert.equal((await store.read(EAST))?.order.version, 3);
    await holder.release();
    await store.commit(commitOf(EAST, { version: 5 }));
    await holder[Symbol.asyncDispose]();
    await close();
  });

  it('hear of each other within milliseconds, not only by polling', async () => {
    const { path, store, close } = await openInFolder();
    const writer = await ProcessStore.start(path);
    const watching = new AbortController();
    const hints = store.watch(watching.signal)[Symbol.asyncIterator]();
    const delaysMs: number[] = [];
    for (let version = 1; version <= 20; version += 1) {
      const startedAtMs = performance.now();
      await writer.commit(commitOf(WEST, { version }));
      await hintThat(hints, (hint) => hint.kind === 'cluster' && hint.head?.order.version === version);
      delaysMs.push(performance.now() - startedAtMs);
    }
    delaysMs.sort((left, right) => left - right);
    // Polling alone would make the median a quarter of a second.
    assert.ok((delaysMs[10] ?? Infinity) < 150, `median ${delaysMs[10]} ms`);
    watching.abort();
    await writer[Symbol.asyncDispose]();
    await close();
  });
});

async function openInFolder(): Promise<{ path: string; store: EmbeddedStore; close: () => Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'isthmus-store-'));
  const path = join(folder, 'store.db');
  const store = await EmbeddedStore.open(testComponents(), { path });
  const close = async (): Promise<void> => {
    await store[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
  };
  return { path, store, close };
}
