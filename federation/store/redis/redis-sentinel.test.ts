import { after, describe } from 'node:test';
import { installedPrograms } from '../../../tests/redis/programs.ts';
import { startSentinels } from '../../../tests/redis/sentinels.ts';
import { describeStore } from '../conformance.ts';
import { redisRig } from './rig.fixture.ts';

for (const program of installedPrograms('the store contract with Sentinel').slice(0, 1)) {
  describe(`on ${program} with a replica and three Sentinels`, async () => {
    const sentinels = await startSentinels({ program });
    after(() => sentinels[Symbol.asyncDispose]());
    describeStore(`the store on ${program} with Sentinel`, () => redisRig({ url: sentinels.url }));
  });
}
