import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { SystemClock } from '../../runtime/clock.ts';
import { silentLogger } from '../../runtime/log.ts';
import { Metrics } from '../../runtime/metrics.ts';
import { SystemRandom } from '../../runtime/random.ts';
import { assertClusterLimit } from './conformance/limits.fixture.ts';
import { describeStore } from './conformance.ts';
import { EmbeddedStore } from './embedded.ts';

const components = {
  clock: new SystemClock(),
  random: new SystemRandom(),
  log: silentLogger,
  metrics: new Metrics(),
};

describeStore('the embedded store', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'isthmus-store-'));
  const path = join(folder, 'store.db');
  const store = await EmbeddedStore.open(components, { path });
  const second = await EmbeddedStore.open(components, { path });
  return {
    store,
    second,
    close: async () => {
      await store[Symbol.asyncDispose]();
      await second[Symbol.asyncDispose]();
      await rm(folder, { recursive: true });
    },
  };
});

it('the embedded store bounds the number of clusters', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'isthmus-store-'));
  {
    await using store = await EmbeddedStore.open(components, { path: join(folder, 'store.db') });
    await assertClusterLimit(store);
  }
  await rm(folder, { recursive: true });
});
