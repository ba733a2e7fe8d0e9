import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../../runtime/clock.ts';
import { type ClusterId, parseClusterId } from '../model/ids.ts';
import type { StoredHead } from '../store/contract.ts';
import { type Brought, Fetches } from './fetches.ts';

const WEST = parseClusterId('west');
const NORTH = parseClusterId('north');

interface Stage {
  readonly clock: ManualClock;
  readonly fetches: Fetches;
  /** `CLUSTER FROM` of every read that was begun. */
  readonly begun: string[];
  /** Highest version that was brought so far: what is offered below it is no news. */
  readonly brought: { version: number };
  end(cluster: ClusterId, from: number): void;
}

/** Two stores. A read lasts until it is ended. */
function stage(): Stage {
  const clock = new ManualClock();
  const begun: string[] = [];
  const brought = { version: 0 };
  const open = new Map<string, () => void>();
  const fetches = new Fetches(
    { clock },
    {
      stores: 2,
      isNews: (_, stored) => stored.order.version > brought.version,
      fetch: (cluster, from) => {
        begun.push(`${cluster} ${from}`);
        const { promise, resolve } = Promise.withResolvers<Brought>();
        open.set(`${cluster} ${from}`, () => resolve('news'));
        return promise;
      },
      onError: () => undefined,
    },
  );
  return { clock, fetches, begun, brought, end: (cluster, from) => open.get(`${cluster} ${from}`)?.() };
}

function head(version: number): StoredHead {
  const order = { incarnation: 1, epoch: 1, writerId: 'w', version, beat: 0 };
  return { order, head: { bytes: new Uint8Array(), signature: new Uint8Array(), signerChain: '' } };
}

test('what one store is being read for is not read in the other, unless that takes long', async () => {
  const s = stage();
  s.fetches.mark(WEST, 0, head(1));
  s.fetches.mark(WEST, 1, head(1));
  await s.clock.advance(299);
  assert.deepEqual(s.begun, ['west 0']);
  await s.clock.advance(1);
  assert.deepEqual(s.begun, ['west 0', 'west 1']);
  s.end(WEST, 0);
  s.end(WEST, 1);
  await s.fetches.close();
});

test('what the first store brought is not read again in the second', async () => {
  const s = stage();
  s.fetches.mark(WEST, 0, head(1));
  s.fetches.mark(WEST, 1, head(1));
  await s.clock.advance(100);
  s.brought.version = 1;
  s.end(WEST, 0);
  await s.clock.advance(1_000);
  assert.deepEqual(s.begun, ['west 0']);
  await s.fetches.close();
});

test('what the first store did not bring is read in the second at once', async () => {
  const s = stage();
  s.fetches.mark(WEST, 0, head(1));
  s.fetches.mark(WEST, 1, head(2));
  await s.clock.advance(100);
  s.brought.version = 1;
  s.end(WEST, 0);
  await s.clock.advance(0);
  assert.deepEqual(s.begun, ['west 0', 'west 1']);
  s.end(WEST, 1);
  await s.fetches.close();
});

test('further offers of a store that waits do not make it read sooner', async () => {
  const s = stage();
  s.fetches.mark(WEST, 0, head(1));
  for (let version = 1; version <= 20; version++) {
    s.fetches.mark(WEST, 1, head(version));
    await s.clock.advance(10);
  }
  assert.deepEqual(s.begun, ['west 0']);
  await s.clock.advance(100);
  assert.deepEqual(s.begun, ['west 0', 'west 1']);
  s.end(WEST, 0);
  s.end(WEST, 1);
  await s.fetches.close();
});

test('a store whose reads hang holds up neither its other clusters nor the other store', async () => {
  const s = stage();
  s.fetches.mark(WEST, 0, head(1));
  s.fetches.mark(NORTH, 0, head(1));
  s.fetches.mark(NORTH, 1, head(1));
  await s.clock.advance(400);
  assert.deepEqual(s.begun, ['west 0', 'north 0', 'north 1']);
  for (const [cluster, from] of [
    [WEST, 0],
    [NORTH, 0],
    [NORTH, 1],
  ] as const) {
    s.end(cluster, from);
  }
  await s.fetches.close();
});
