import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe } from 'node:test';
import { hasProgram } from '../../../tests/redis/programs.ts';
import { startServer } from '../../../tests/redis/server.ts';
import { makeTlsMaterial } from '../../../tests/redis/tls-material.ts';
import { EAST, WEST } from '../conformance/rig.fixture.ts';
import { describeStore } from '../conformance.ts';
import { aclUsers } from './acl.ts';
import { formatAcl } from './acl-format.ts';
import { freshClusterset, redisRig } from './rig.fixture.ts';

/** The whole contract with the rights that `isthmus store acl` prints, and no others, over mutual TLS. */
if (hasProgram('redis', 'the store contract over TLS')) {
  describe('on redis with mutual TLS and a user for each cluster', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'isthmus-tls-'));
    const material = await makeTlsMaterial(directory);
    const server = await startServer({ program: 'redis', tls: { material }, acl: ['user default off'] });
    after(async () => {
      await server[Symbol.asyncDispose]();
      await rm(directory, { recursive: true });
    });

    describeStore('the store on redis with TLS and access rules', async () => {
      const clusterset = freshClusterset();
      const userPrefix = `${clusterset}.`;
      const users = aclUsers({ clusterset, clusters: [EAST, WEST], authority: EAST, userPrefix });
      const hashes = new Map(users.map(({ name }) => [name, createHash('sha256').update(name).digest('hex')]));
      for (const line of formatAcl(users, hashes, 'setuser').trim().split('\n')) await server.cli(...line.split(' '));
      const urlOf = (cluster: string): string =>
        server.urlWith({ user: userPrefix + cluster, password: userPrefix + cluster });
      return redisRig({ url: urlOf(EAST), westUrl: urlOf(WEST) }, clusterset);
    });
  });
}
