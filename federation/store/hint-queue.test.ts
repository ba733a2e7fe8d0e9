import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseClusterId } from '../model/ids.ts';
import { EAST, headOf, WEST } from './conformance/rig.fixture.ts';
import type { Hint } from './contract.ts';
import { HINTS_WAITING_MAX, HintFanout, HintQueue } from './hint-queue.ts';

describe('the queue of hints', () => {
  it('keeps the last hint of each subject, in the order in which the subjects first came', async () => {
    const queue = new HintQueue();
    for (const beat of [1, 2, 3]) queue.push({ kind: 'cluster', cluster: EAST, head: headOf({ beat }) });
    queue.push({ kind: 'roster' });
    queue.push({ kind: 'cluster', cluster: WEST });
    queue.push({ kind: 'roster' });
    assert.deepEqual(await taken(queue, 3), [
      { kind: 'cluster', cluster: EAST, head: headOf({ beat: 3 }) },
      { kind: 'roster' },
      { kind: 'cluster', cluster: WEST },
    ]);
  });

  it('lets an older head replace a newer one: a store that went back must be seen to have gone back', async () => {
    const queue = new HintQueue();
    queue.push({ kind: 'cluster', cluster: EAST, head: headOf({ version: 9 }) });
    queue.push({ kind: 'cluster', cluster: EAST, head: headOf({ version: 2 }) });
    assert.deepEqual(await taken(queue, 1), [{ kind: 'cluster', cluster: EAST, head: headOf({ version: 2 }) }]);
  });

  it('becomes one gap when a reader does not keep up, and goes on from there', async () => {
    const queue = new HintQueue();
    for (let index = 0; index <= HINTS_WAITING_MAX; index += 1) {
      queue.push({ kind: 'cluster', cluster: parseClusterId(`c${index}`) });
    }
    queue.push({ kind: 'join' });
    assert.deepEqual(await taken(queue, 2), [{ kind: 'gap' }, { kind: 'join' }]);
  });

  it('wakes a reader that waits, and ends for good', async () => {
    const queue = new HintQueue();
    const waiting = queue.next();
    queue.push({ kind: 'roster' });
    assert.deepEqual(await waiting, { done: false, value: { kind: 'roster' } });
    const ending = queue.next();
    queue.end();
    queue.push({ kind: 'roster' });
    assert.equal((await ending).done, true);
    assert.equal((await queue.next()).done, true);
  });
});

describe('the readers of hints', () => {
  it('are forgotten when their signal fires, so that nothing piles up for them', () => {
    const fanout = new HintFanout();
    const watching = new AbortController();
    let ended = 0;
    const onEnd = (): void => {
      ended += 1;
    };
    fanout.open(watching.signal, onEnd);
    fanout.open(watching.signal, onEnd);
    assert.equal(fanout.size, 2);
    watching.abort();
    assert.deepEqual([fanout.size, ended], [0, 2]);
    fanout.open(watching.signal, onEnd);
    assert.deepEqual([fanout.size, ended], [0, 3]);
  });
});

async function taken(queue: HintQueue, count: number): Promise<Hint[]> {
  const hints: Hint[] = [];
  while (hints.length < count) {
    const next = await queue.next();
    if (next.done === true) break;
    hints.push(next.value);
  }
  return hints;
}
