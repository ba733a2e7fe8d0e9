import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { startCluster } from '../../../tests/redis/cluster.ts';
import { startSentinels } from '../../../tests/redis/sentinels.ts';
import type { TestServer } from '../../../tests/redis/server.ts';
import { EAST, WEST } from '../conformance/rig.fixture.ts';
import { aclUsers, SENTINEL_USER } from './acl.ts';
import { aclFile, actAsMember, PASSWORD } from './acl-acts.fixture.ts';
import { parseRedisAddress } from './address.ts';
import { findOutAboutRedis } from './check-connect.ts';
import { redisComponents } from './rig.fixture.ts';
import { RedisStore } from './store.ts';

/** The rules where there are several servers: each has them, and they suffice. */
const CS = 'prod.example.org';
const USERS = aclUsers({ clusterset: CS, clusters: [EAST, WEST], authority: EAST, sentinel: true });
const DATA_USERS = USERS.filter(({ role }) => role !== 'sentinel');

async function refusedBy(servers: readonly TestServer[]): Promise<readonly unknown[]> {
  const logs = await Promise.all(servers.map((server) => server.cli('ACL', 'LOG')));
  return logs.flatMap((log) => (Array.isArray(log) ? log : [log]));
}

async function act(url: string): Promise<void> {
  await using store = await RedisStore.open(redisComponents(), { address: parseRedisAddress(url), clusterset: CS });
  await actAsMember(store);
}

test('in a Redis Cluster whose nodes all have the rules, a member does all of its work and is refused nothing', async (t) => {
  const cluster = await startCluster({ program: 'valkey', acl: aclFile(DATA_USERS) });
  t.after(() => cluster[Symbol.asyncDispose]());
  const url = cluster.url.replace('//', `//west:${PASSWORD}@`);
  await act(url);
  assert.deepEqual(await refusedBy(cluster.masters), []);
  const facts = await findOutAboutRedis(redisComponents(), { url, clusterset: CS, cluster: WEST, isAuthority: false });
  assert.deepEqual([facts.mode, facts.nodes.length, facts.clusterState?.state], ['cluster', 3, 'ok']);
  assert.deepEqual([facts.user, facts.rights.writeOwn, facts.rights.writeOthers], ['west', 'granted', 'refused']);
});

test('behind Sentinels with a user of their own, a member does all of its work and is refused nothing', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'isthmus-acl-'));
  t.after(() => rm(folder, { recursive: true }));
  const passwordFile = join(folder, 'sentinel.password');
  await writeFile(passwordFile, `${PASSWORD}\n`);
  const group = await startSentinels({ program: 'valkey', acl: aclFile(DATA_USERS) });
  t.after(() => group[Symbol.asyncDispose]());
  const rules = USERS.find(({ role }) => role === 'sentinel')?.rules ?? [];
  for (const sentinel of group.sentinels) {
    await sentinel.cli('ACL', 'SETUSER', SENTINEL_USER, 'reset', 'on', `>${PASSWORD}`, ...rules);
    await sentinel.cli('ACL', 'LOG', 'RESET');
  }
  const login = `sentinel-user=${SENTINEL_USER}&sentinel-password-file=${encodeURIComponent(passwordFile)}`;
  const url = `${group.url.replace('//', `//west:${PASSWORD}@`)}?${login}`;
  await act(url);
  assert.deepEqual(await refusedBy([...group.servers, ...group.sentinels]), []);
  const facts = await findOutAboutRedis(redisComponents(), { url, clusterset: CS, cluster: WEST, isAuthority: false });
  assert.deepEqual(facts.sentinel, { sentinels: 3, quorum: 2, replicas: 1 });
});
