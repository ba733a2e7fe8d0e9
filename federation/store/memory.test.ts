import { it } from 'node:test';
import { ManualClock } from '../../runtime/clock.ts';
import { assertClusterLimit } from './conformance/limits.fixture.ts';
import { describeStore } from './conformance.ts';
import { MemoryShelf, MemoryStore } from './memory.ts';

describeStore('the in-memory store', async () => {
  const clock = new ManualClock();
  const shelf = new MemoryShelf();
  const store = new MemoryStore({ clock }, { shelf });
  const second = new MemoryStore({ clock }, { shelf });
  return {
    store,
    second,
    epochMs: () => clock.epochMs(),
    pass: (durationMs) => clock.advance(durationMs),
    close: async () => {
      await store[Symbol.asyncDispose]();
      await second[Symbol.asyncDispose]();
    },
  };
});

it('the in-memory store bounds the number of clusters', () =>
  assertClusterLimit(new MemoryStore({ clock: new ManualClock() })));
