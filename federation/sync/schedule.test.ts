import { test } from 'node:test';
import { parseClusterId } from '../model/ids.ts';
import { ClustersetFixture } from './clusterset.fixture.ts';
import { Schedule } from './schedule.fixture.ts';

const CLUSTERS = ['east', 'north', 'west'].map(parseClusterId);
const clusterset = new ClustersetFixture(CLUSTERS);
const SCHEDULES = 200;
const STEPS = 24;
const HEALED_WITHIN_MS = 10_000;

test('over any schedule of faults no reader goes back, invents or loses anything, and after healing all equal the writers', async () => {
  for (let seed = 1; seed <= SCHEDULES; seed++) {
    const schedule = await Schedule.start(clusterset, CLUSTERS, seed);
    try {
      await schedule.run(STEPS);
      await schedule.heal(HEALED_WITHIN_MS);
    } finally {
      await schedule.end();
    }
  }
});
