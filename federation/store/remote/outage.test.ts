import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { commitOf, EAST, headOf, hintThat, plainHead, WEST } from '../conformance/rig.fixture.ts';
import type { Hint } from '../contract.ts';
import { StoreUnavailableError } from '../contract.ts';
import { parseStoreAddress } from './address.ts';
import { RemoteStore } from './client.ts';
import { claimFor, TestClusterset, testComponents } from './server.fixture.ts';

interface Started {
  readonly link: string;
  readonly port: number;
}

describe('a store server that fails', { timeout: 120_000 }, () => {
  const clusterset = new TestClusterset();
  const owned = new AsyncDisposableStack();
  let stateDir: string;
  let server: ChildProcess;
  let started: Started;

  const start = async (port: number): Promise<void> => {
    server = fork(join(import.meta.dirname, 'server-process.fixture.ts'), [stateDir, String(port)]);
    const child = server;
    owned.defer(() => void child.kill('SIGKILL'));
    // What the child sends is what `server-process.fixture.ts` says.
    [started] = (await once(server, 'message')) as [Started];
  };
  const clientOf = (cluster = EAST): RemoteStore => {
    const init = { address: parseStoreAddress(started.link), identity: clusterset.identity(cluster) };
    return owned.use(new RemoteStore(testComponents(), init));
  };

  before(async () => {
    stateDir = await mkdtemp(join(tmpdir(), 'isthmus-outage-'));
    owned.defer(() => rm(stateDir, { recursive: true, force: true }));
    await start(0);
    await claimFor(clusterset, started.link);
  });
  after(() => owned.disposeAsync());

  it('and is killed and restarted: what was committed is there, clients recover and are told of the gap', async () => {
    const [writer, reader] = [clientOf(EAST), clientOf(WEST)];
    const watching = new AbortController();
    const hints = reader.watch(watching.signal)[Symbol.asyncIterator]();
    await hintThat(hints, isGap);
    await writer.commit(commitOf(EAST, { version: 1 }, { a: '1' }));
    await hintThat(hints, isCluster);

    server.kill('SIGKILL');
    await once(server, 'exit');
    await assert.rejects(writer.heads(), StoreUnavailableError);
    await start(started.port);

    await hintThat(hints, isGap);
    assert.deepEqual(plainHead((await whenBack(() => reader.heads())).get(EAST)), plainHead(headOf({ version: 1 })));
    await whenBack(() => writer.commit(commitOf(EAST, { version: 2 }, { a: '2' })));
    await hintThat(hints, isCluster);
    watching.abort();
  });

  it('and hangs: every call fails within two seconds, the event loop stays free, and all is well afterwards', async () => {
    const [used, fresh] = [clientOf(EAST), clientOf(EAST)];
    await used.heads();
    server.kill('SIGSTOP');
    let turns = 0;
    const ticking = setInterval(() => (turns += 1), 10);
    const startedAtMs = performance.now();
    const calls = [
      used.heads(),
      used.read(EAST),
      used.roster(),
      used.commit(commitOf(EAST, { version: 90 })),
      used.beat(EAST, headOf({ version: 90, beat: 1 })),
      used.lease.acquire('east/leader', 'a', 1_000),
      fresh.heads(),
    ];
    const outcomes = await Promise.allSettled(calls);
    const elapsedMs = performance.now() - startedAtMs;
    clearInterval(ticking);
    for (const outcome of outcomes) {
      assert.ok(
        outcome.status === 'rejected' && outcome.reason instanceof StoreUnavailableError,
        'every call is refused as unavailable',
      );
    }
    // Half a second for a machine that is busy with other tests.
    assert.ok(elapsedMs < 2_500, `the calls took ${elapsedMs} ms`);
    assert.ok(turns > 20, `the event loop turned ${turns} times`);

    server.kill('SIGCONT');
    await whenBack(() => used.heads());
    await whenBack(() => fresh.heads());
  });

  it('and is gone: calls fail at once, with where it was looked for', async () => {
    const client = clientOf();
    server.kill('SIGKILL');
    await once(server, 'exit');
    for (let attempt = 0; attempt < 3; attempt += 1) {
      await assert.rejects(client.heads(), (error) => {
        assert.ok(error instanceof StoreUnavailableError);
        assert.match(error.message, new RegExp(`127\\.0\\.0\\.1:${started.port} cannot be reached`));
        return true;
      });
    }
  });
});

function isGap({ kind }: Hint): boolean {
  return kind === 'gap';
}

function isCluster({ kind }: Hint): boolean {
  return kind === 'cluster';
}

/** Until the server answers again: clients come back after their back-off, by themselves. */
async function whenBack<Result>(attempt: () => Promise<Result>): Promise<Result> {
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      assert.ok(error instanceof StoreUnavailableError, String(error));
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
