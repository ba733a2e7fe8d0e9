import { test } from 'node:test';
import { parseClusterId } from '../model/ids.ts';
import { ClustersetFixture } from './clusterset.fixture.ts';
import { Schedule } from './schedule.fixture.ts';

const CLUSTERS = ['east', 'north', 'west'].map(parseClusterId);
const clusterset = new ClustersetFixture(CLUSTERS);
const STEPS = 24;
const HEALED_WITHIN_MS = 10_000;

for (const [stores, schedules, words] of [
  [1, 80, 'a store'],
  [2, 40, 'two stores, each with faults of its own'],
  [3, 20, 'three stores, each with faults of its own'],
] as const) {
  test(`over any schedule of faults of ${words}, no reader goes back, invents or loses anything, and after healing all equal the writers`, async () => {
    for (let seed = 1; seed <= schedules; seed++) {
      const schedule = await Schedule.start(clusterset, CLUSTERS, { seed, stores });
      try {
        await schedule.run(STEPS);
        await schedule.heal(HEALED_WITHIN_MS);
      } finally {
        await schedule.end();
      }
    }
  });
}
