import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import { waitFor } from '../../../tests/envoy/wait.ts';
import { startCluster } from '../../../tests/redis/cluster.ts';
import { installedPrograms, type Program } from '../../../tests/redis/programs.ts';
import { RespClient, type TextReply } from '../../../tests/redis/resp.ts';
import { RespError } from '../../../tests/redis/resp-decode.ts';
import { SENTINEL_MASTER, startSentinels } from '../../../tests/redis/sentinels.ts';
import type { ServerInit } from '../../../tests/redis/server-config.ts';
import { startServer, type TestServer } from '../../../tests/redis/server.ts';
import { SystemClock } from '../../../runtime/clock.ts';
import { parseClusterId } from '../../model/ids.ts';
import { aclUsers, SENTINEL_USER } from './acl.ts';
import { formatAcl } from './acl-format.ts';
import { checkRedis } from './check.ts';
import { type ProbedServer, type ProbeInit, probeRedis, type Reply } from './check-probe.ts';

const CS = 'prod.example.org';
const PASSWORD = 'a password';
const INIT: ProbeInit = {
  clusterset: CS,
  cluster: 'west',
  isAuthority: false,
  mode: 'standalone',
  isTls: false,
  isLoopback: true,
};
const clock = new SystemClock();

function probed(client: RespClient, place: string): ProbedServer {
  return {
    place,
    ask: async (...command) => {
      try {
        return { ok: true, value: replyOf(await client.call(...command)) };
      } catch (error) {
        if (!(error instanceof RespError)) throw error;
        return { ok: false, error: error.message };
      }
    },
  };
}

function replyOf(reply: TextReply): Reply {
  return typeof reply === 'object' ? reply.map(replyOf) : reply;
}

async function serverOf(t: TestContext, init: ServerInit): Promise<TestServer> {
  const server = await startServer(init);
  t.after(() => server[Symbol.asyncDispose]());
  return server;
}

async function withAcl(t: TestContext, program: Program, config: readonly string[] = []): Promise<TestServer> {
  const users = aclUsers({ clusterset: CS, clusters: [parseClusterId('west')], authority: parseClusterId('east') });
  const hash = createHash('sha256').update(PASSWORD).digest('hex');
  const lines = formatAcl(users, new Map(users.map(({ name }) => [name, hash])), 'aclfile');
  return serverOf(t, { program, config, acl: ['user default off', ...lines.trim().split('\n')] });
}

/** Reasons of what was found, errors in capitals. */
async function found(
  t: TestContext,
  server: TestServer,
  login: { user?: string; password?: string } = {},
  init: Partial<ProbeInit> = {},
): Promise<readonly string[]> {
  const [client, stranger] = [await server.connect(login), await RespClient.connect({ port: server.port })];
  t.after(() => client.close());
  t.after(() => stranger.close());
  const own = probed(client, `127.0.0.1:${server.port}`);
  const facts = await probeRedis(
    { clock, primaries: [own], ownerOf: () => own, anonymous: probed(stranger, 'same') },
    { ...INIT, ...init },
  );
  assert.ok(facts.latency.pingP50Ms > 0 && facts.latency.pingP50Ms <= facts.latency.pingP99Ms);
  return checkRedis(facts).map(({ severity, reason }) => `${severity} ${reason}`);
}

const WEST = { user: 'west', password: PASSWORD };
const QUIET = ['maxmemory 100mb', 'appendonly yes'];

for (const program of installedPrograms('store check')) {
  test(`on ${program} with the rules of store acl nothing is found, and nothing stays behind`, async (t) => {
    const server = await withAcl(t, program, QUIET);
    const before = await server.cli('DBSIZE');
    assert.deepEqual(await found(t, server, WEST), []);
    assert.deepEqual(
      await found(t, server, { user: 'east', password: PASSWORD }, { cluster: 'east', isAuthority: true }),
      [],
    );
    assert.equal(await server.cli('DBSIZE'), before);
  });

  test(`on ${program} a login of another cluster, and one for joins, are found out`, async (t) => {
    const server = await withAcl(t, program, QUIET);
    assert.deepEqual(await found(t, server, WEST, { cluster: 'east' }), ['error WriteDenied']);
    const authority = await found(t, server, WEST, { isAuthority: true });
    assert.deepEqual(authority, ['error RosterWriteDenied']);
    const join = await found(t, server, { user: 'isthmus_join', password: PASSWORD });
    assert.ok(join.includes('error ReadDenied') && join.includes('error WriteDenied'), join.join());
  });

  test(`on ${program} an open server is found out, and no probe does any of what it finds allowed`, async (t) => {
    const server = await serverOf(t, { program, config: QUIET });
    await server.cli('SET', `isthmus:{${CS}}:roster`, '7\nbytes');
    await server.cli('SET', 'application', 'data');
    assert.deepEqual(await found(t, server), ['error AclMissing', 'error DefaultUserOpen']);
    assert.equal(await server.cli('GET', `isthmus:{${CS}}:roster`), '7\nbytes');
    assert.equal(await server.cli('GET', 'application'), 'data');
    assert.equal(await server.cli('DBSIZE'), '2');
  });

  test(`on ${program} a replica is said to be one, once`, async (t) => {
    const primary = await serverOf(t, { program, config: QUIET });
    const replica = await serverOf(t, {
      program,
      config: QUIET,
      replicaOf: { host: primary.host, port: primary.port },
    });
    const reasons = await found(t, replica);
    assert.deepEqual(reasons, ['error AclMissing', 'error DefaultUserOpen', 'error IsReplica']);
  });

  test(`on ${program} an evicting and a full server are found out`, async (t) => {
    const evicting = await withAcl(t, program, ['maxmemory 100mb', 'maxmemory-policy allkeys-lru', 'appendonly yes']);
    assert.deepEqual(await found(t, evicting, WEST), ['error Evicting']);
    const full = await withAcl(t, program, ['maxmemory 1kb', 'appendonly yes']);
    assert.deepEqual(await found(t, full, WEST), ['error MemoryFull']);
  });

  test(`on ${program} a server without limit and disk is worth two remarks`, async (t) => {
    const server = await withAcl(t, program);
    assert.deepEqual(await found(t, server, WEST), ['info NoMemoryLimit', 'info NoPersistence']);
  });

  if (program !== 'valkey') continue;
  test(`on ${program} a cluster is looked at as a whole, and one with a slot that nobody serves is down`, async (t) => {
    const cluster = await startCluster({ program });
    t.after(() => cluster[Symbol.asyncDispose]());
    const servers = await Promise.all(
      cluster.masters.map(async (server) => {
        const client = await server.connect();
        t.after(() => client.close());
        return probed(client, `127.0.0.1:${server.port}`);
      }),
    );
    const owners = new Map<string, ProbedServer>();
    for (const key of ['roster', '/west}:', '/isthmus-store-check-nobody}:']) {
      const name = key === 'roster' ? `isthmus:{${CS}}:roster` : `isthmus:{${CS}${key}head`;
      const owner = await cluster.ownerOf(name);
      const server = servers.find(({ place }) => place.endsWith(`:${owner.port}`));
      owners.set(/\{(.*)\}/.exec(name)?.[1] ?? '', server as ProbedServer); // the owner is one of the masters
    }
    const ownerOf = (key: string): ProbedServer => owners.get(/\{(.*)\}/.exec(key)?.[1] ?? '') as ProbedServer;
    const probe = () => probeRedis({ clock, primaries: servers, ownerOf }, { ...INIT, mode: 'cluster' });
    const facts = await probe();
    assert.deepEqual(facts.clusterState, { state: 'ok', slotsAssigned: 16_384, slotsFailing: 0 });
    assert.deepEqual(
      facts.nodes.map(({ role }) => role),
      ['master', 'master', 'master'],
    );
    const slot = await cluster.slotOf('somewhere else');
    await Promise.all(cluster.masters.map((server) => server.cli('CLUSTER', 'DELSLOTS', slot).catch(() => undefined)));
    await waitFor('the cluster to notice', async () => (await probe()).clusterState?.slotsAssigned === 16_383);
    assert.ok(checkRedis(await probe()).some(({ reason }) => reason === 'ClusterDown'));
  });

  test(`on ${program} Sentinels are asked how many they are, by the user that store acl makes for them`, async (t) => {
    const group = await startSentinels({ program });
    t.after(() => group[Symbol.asyncDispose]());
    const [sentinel] = group.sentinels;
    assert.ok(sentinel !== undefined);
    const user = aclUsers({ clusterset: CS, clusters: [], authority: parseClusterId('east'), sentinel: true }).at(-1);
    await sentinel.cli('ACL', 'SETUSER', SENTINEL_USER, 'on', `>${PASSWORD}`, ...(user?.rules ?? []));
    const clients = [
      await (await group.primary()).connect(),
      await RespClient.connect({ port: sentinel.port, user: SENTINEL_USER, password: PASSWORD }),
    ];
    t.after(() => clients.map((client) => client.close()));
    const [primary, watcher] = clients.map((client) => probed(client, 'here:1'));
    assert.ok(primary !== undefined && watcher !== undefined);
    const facts = await probeRedis(
      { clock, primaries: [primary], ownerOf: () => primary, sentinel: { server: watcher, master: SENTINEL_MASTER } },
      { ...INIT, mode: 'sentinel' },
    );
    assert.deepEqual(facts.sentinel, { sentinels: 3, quorum: 2, replicas: 1 });
  });
}
