import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KeyedQueue } from './keyed-queue.ts';

/** Work that ends when the test says so. */
class Gate {
  readonly started: string[] = [];
  readonly #open: (() => void)[] = [];

  readonly work = (key: string): Promise<void> => {
    this.started.push(key);
    return new Promise((resolve) => {
      this.#open.push(resolve);
    });
  };

  /** Ends the oldest work that runs and lets what follows it begin. */
  async release(): Promise<void> {
    this.#open.shift()?.();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

const OPTIONS = { concurrency: 2, maxKeys: 10, onError: (): void => assert.fail('no error expected') };

test('marks of a key that waits are one run, marks of a key that runs are one more', async () => {
  const gate = new Gate();
  const queue = new KeyedQueue(gate.work, { ...OPTIONS, concurrency: 1 });
  queue.mark('a');
  queue.mark('b');
  queue.mark('b');
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(gate.started, ['a']);
  for (let again = 0; again < 5; again++) queue.mark('a');
  await gate.release();
  await gate.release();
  assert.deepEqual(gate.started, ['a', 'b', 'a']);
  await gate.release();
  await queue.idle();
  assert.deepEqual(gate.started, ['a', 'b', 'a']);
});

test('a key never runs twice at once, while different keys run up to the limit', async () => {
  const running = new Set<string>();
  let together = 0;
  const queue = new KeyedQueue(
    async (key) => {
      assert.ok(!running.has(key), `${key} runs twice`);
      running.add(key);
      together = Math.max(together, running.size);
      await new Promise((resolve) => setImmediate(resolve));
      running.delete(key);
    },
    { ...OPTIONS, concurrency: 3, maxKeys: 100 },
  );
  for (let round = 0; round < 50; round++) {
    for (const key of ['a', 'b', 'c', 'd', 'e']) queue.mark(key);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await queue.idle();
  assert.equal(together, 3);
});

test('the newest state is read when the work starts, so no mark is lost', async () => {
  let state = 0;
  let seen = -1;
  const queue = new KeyedQueue(
    async () => {
      seen = state;
      await new Promise((resolve) => setImmediate(resolve));
    },
    { ...OPTIONS, concurrency: 1 },
  );
  for (state = 1; state <= 100; state++) {
    queue.mark('a');
    if (state % 7 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  state = 100;
  queue.mark('a');
  await queue.idle();
  assert.equal(seen, 100);
});

test('work that fails is reported with its key, and the queue goes on', async () => {
  const errors: [string, unknown][] = [];
  const done: string[] = [];
  const failure = new Error('broken');
  const queue = new KeyedQueue(
    (key) => {
      if (key === 'bad') return Promise.reject(failure);
      done.push(key);
      return Promise.resolve();
    },
    { ...OPTIONS, onError: (key, error) => errors.push([key, error]) },
  );
  for (const key of ['bad', 'good']) queue.mark(key);
  await queue.idle();
  assert.deepEqual([errors, done], [[['bad', failure]], ['good']]);
});

test('more keys than the limit are refused, a key that waits already is not', async () => {
  const gate = new Gate();
  const queue = new KeyedQueue(gate.work, { ...OPTIONS, concurrency: 1, maxKeys: 2 });
  queue.mark('running');
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual([queue.mark('a'), queue.mark('b'), queue.mark('c'), queue.mark('a')], [true, true, false, true]);
  assert.equal(queue.depth, 2);
});

test('clear drops what waits and the second run of what runs', async () => {
  const gate = new Gate();
  const queue = new KeyedQueue(gate.work, { ...OPTIONS, concurrency: 1 });
  queue.mark('a');
  await new Promise((resolve) => setImmediate(resolve));
  queue.mark('a');
  queue.mark('b');
  queue.clear();
  await gate.release();
  await queue.idle();
  assert.deepEqual([gate.started, queue.depth], [['a'], 0]);
});
