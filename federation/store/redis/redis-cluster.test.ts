import { after, describe } from 'node:test';
import { startCluster } from '../../../tests/redis/cluster.ts';
import { installedPrograms } from '../../../tests/redis/programs.ts';
import { describeStore } from '../conformance.ts';
import { redisRig } from './rig.fixture.ts';

for (const program of installedPrograms('the store contract on a Redis Cluster').slice(0, 1)) {
  describe(`on a Redis Cluster of three ${program} servers`, async () => {
    const cluster = await startCluster({ program });
    after(() => cluster[Symbol.asyncDispose]());
    describeStore(`the store on a cluster of ${program}`, () => redisRig({ url: cluster.url }));
  });
}
