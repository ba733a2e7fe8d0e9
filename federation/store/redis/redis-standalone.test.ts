import { after, describe, it } from 'node:test';
import { installedPrograms } from '../../../tests/redis/programs.ts';
import { startServer } from '../../../tests/redis/server.ts';
import { assertClusterLimit } from '../conformance/limits.fixture.ts';
import { describeStore } from '../conformance.ts';
import { redisRig } from './rig.fixture.ts';

for (const program of installedPrograms('the store contract')) {
  describe(`on one ${program} server`, async () => {
    const server = await startServer({ program });
    after(() => server[Symbol.asyncDispose]());

    describeStore(`the store on ${program}`, () => redisRig({ url: server.url }));

    it(`the store on ${program} bounds the number of clusters`, async () => {
      const rig = await redisRig({ url: server.url });
      await assertClusterLimit(rig.store);
      await rig.close();
    });
  });
}
