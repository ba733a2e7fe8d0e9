import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseClusterId } from '../federation/model/ids.ts';
import { ManualClock } from '../runtime/clock.ts';
import { PeerBoard } from './peer-board.ts';
import type { PeerStanding } from './world.ts';

const [WEST, EDGE] = [parseClusterId('west'), parseClusterId('edge')];

function opened() {
  const clock = new ManualClock();
  let last: ReadonlyMap<string, PeerStanding> = new Map();
  let changes = 0;
  const board = new PeerBoard(
    { clock },
    {
      settings: { staleAfterMs: 9_000, withdrawAfterMs: 10_000, failBackAfterMs: 3_000 },
      onChange: (standings) => {
        last = standings;
        changes += 1;
      },
    },
  );
  const verdictOn = (cluster: string) => last.get(cluster)?.liveness.verdict;
  return { clock, board, verdictOn, changes: () => changes };
}

function probe(board: PeerBoard, cluster: typeof WEST, healthy: number): void {
  board.hear(cluster, { kind: 'probe', gateway: 'gateway', healthy, total: 1 });
}

/** Agents report every 5 s, writers beat every 3 s. */
async function pass(
  { clock, board }: Pick<ReturnType<typeof opened>, 'clock' | 'board'>,
  durationMs: number,
  each: () => void,
): Promise<void> {
  for (let passed = 0; passed < durationMs; passed += 1_000) {
    each();
    await clock.advance(1_000);
  }
  assert.ok(board.standings.size > 0);
}

test('silence alone makes a peer stale and never gone', async () => {
  const site = opened();
  const { board, verdictOn } = site;
  board.hear(EDGE, { kind: 'head' });
  board.hear(WEST, { kind: 'head' });
  probe(board, WEST, 1);
  assert.equal(verdictOn('west'), 'Live');
  await pass(site, 60_000, () => {
    board.hear(EDGE, { kind: 'head' });
    probe(board, EDGE, 1);
    probe(board, WEST, 1);
  });
  assert.equal(verdictOn('west'), 'Stale');
});

test('a stale head together with failed probes makes a peer gone, and a sign of life brings it back', async () => {
  const site = opened();
  const { board, verdictOn } = site;
  const others = ['edge', 'north', 'south'].map(parseClusterId);
  const alive = (): void => {
    for (const other of others) {
      board.hear(other, { kind: 'head' });
      probe(board, other, 1);
    }
  };
  board.hear(WEST, { kind: 'head' });
  probe(board, WEST, 1);
  alive();
  await pass(site, 30_000, () => {
    alive();
    probe(board, WEST, 0);
  });
  assert.equal(verdictOn('west'), 'Gone');
  board.hear(WEST, { kind: 'head' });
  probe(board, WEST, 1);
  assert.equal(verdictOn('west'), 'Live');
});

test('who has lost the store and all peers at once is the isolated one, and withdraws nobody', async () => {
  const site = opened();
  const { board, verdictOn } = site;
  for (const peer of [WEST, EDGE]) {
    board.hear(peer, { kind: 'head' });
    probe(board, peer, 1);
  }
  board.storeLink('down');
  await pass(site, 60_000, () => {
    for (const peer of [WEST, EDGE]) probe(board, peer, 0);
  });
  assert.equal(board.isolated, true);
  assert.deepEqual([verdictOn('west') === 'Gone', verdictOn('edge') === 'Gone'], [false, false]);
});

test('nothing is told when nothing changed, nor after close', async () => {
  const site = opened();
  const { board, changes, clock } = site;
  board.know(WEST);
  const before = changes();
  board.know(WEST);
  assert.equal(changes(), before);
  board.close();
  board.hear(WEST, { kind: 'head' });
  await clock.advance(60_000);
  assert.deepEqual([changes(), clock.waiting], [before, 0]);
});
