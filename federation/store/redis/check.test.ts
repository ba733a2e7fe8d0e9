import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkRedis } from './check.ts';
import { type NodeFacts, nodeFactsOf, parseInfo, type RedisFacts, type RightFacts } from './check-facts.ts';
import { isOldServer } from './server-version.ts';

/** A store that nothing is wrong with; each case spoils one thing. */
const NODE: NodeFacts = {
  place: 'redis.example.org:6379',
  product: 'valkey',
  version: '9.1.2',
  role: 'master',
  replicas: 1,
  memory: { usedBytes: 1 << 20, maxBytes: 100 << 20, policy: 'noeviction' },
  persistence: { hasAppendOnlyFile: true, lastSaveS: 100, startedS: 100, isSnapshotOk: true, isAppendOk: true },
  clockOffsetMs: 3,
};
const RIGHTS: RightFacts = {
  readRoster: 'granted',
  readOthers: 'granted',
  writeOwn: 'granted',
  writeOthers: 'refused',
  writeRoster: 'refused',
  readJoins: 'refused',
  scripting: 'refused',
  flush: 'refused',
  configuration: 'refused',
  anonymous: 'refused',
};
const FACTS: RedisFacts = {
  mode: 'standalone',
  isTls: true,
  isLoopback: false,
  cluster: 'west',
  isAuthority: false,
  user: 'west',
  rights: RIGHTS,
  nodes: [NODE],
  latency: { pingP50Ms: 0.3, pingP99Ms: 1, transactionP50Ms: 0.9, transactionP99Ms: 2 },
};

function withNode(part: Partial<NodeFacts>): Partial<RedisFacts> {
  return { nodes: [{ ...NODE, ...part }] };
}

function withRights(part: Partial<RightFacts>): Partial<RedisFacts> {
  return { rights: { ...RIGHTS, ...part } };
}

function withMemory(part: Partial<NodeFacts['memory']>): Partial<RedisFacts> {
  return withNode({ memory: { ...NODE.memory, ...part } });
}

function withDisk(part: Partial<NodeFacts['persistence']>): Partial<RedisFacts> {
  return withNode({ persistence: { ...NODE.persistence, ...part } });
}

const OK_CLUSTER = { state: 'ok', slotsAssigned: 16_384, slotsFailing: 0 };
const OK_SENTINEL = { sentinels: 3, quorum: 2, replicas: 1 };

test('a store that nothing is wrong with has no finding', () => {
  assert.deepEqual(checkRedis(FACTS), []);
  assert.deepEqual(checkRedis({ ...FACTS, mode: 'cluster', clusterState: OK_CLUSTER }), []);
  assert.deepEqual(checkRedis({ ...FACTS, mode: 'sentinel', sentinel: OK_SENTINEL }), []);
  assert.deepEqual(checkRedis({ ...FACTS, isTls: false, isLoopback: true }), []);
  const authority = { ...RIGHTS, writeRoster: 'granted', readJoins: 'granted' } as const;
  assert.deepEqual(checkRedis({ ...FACTS, isAuthority: true, rights: authority }), []);
});

for (const [what, change, severity, reason] of [
  ['a login that may not read the roster', withRights({ readRoster: 'refused' }), 'error', 'ReadDenied'],
  ["a login that may not read the others' data", withRights({ readOthers: 'refused' }), 'error', 'ReadDenied'],
  ['a login that may not write its own', withRights({ writeOwn: 'refused' }), 'error', 'WriteDenied'],
  ['an authority that may not write the roster', { isAuthority: true }, 'error', 'RosterWriteDenied'],
  ["a login that may write others' data", withRights({ writeOthers: 'granted' }), 'error', 'AclMissing'],
  ['a member that may write the roster', withRights({ writeRoster: 'granted' }), 'error', 'AclMissing'],
  ['a member that may look into joins', withRights({ readJoins: 'granted' }), 'error', 'AclMissing'],
  ['a login that may run scripts', withRights({ scripting: 'granted' }), 'error', 'AclMissing'],
  ['a login that may flush', withRights({ flush: 'granted' }), 'error', 'AclMissing'],
  ['a login that may configure', withRights({ configuration: 'granted' }), 'error', 'AclMissing'],
  ['a server open to everybody', withRights({ anonymous: 'granted' }), 'error', 'DefaultUserOpen'],
  ['a connection in the clear', { isTls: false }, 'warning', 'TlsOff'],
  ['a Redis of 2021', withNode({ product: 'redis', version: '6.2.14' }), 'error', 'ServerTooOld'],
  ['a server of another kind', withNode({ product: 'dragonfly', version: '1.2' }), 'warning', 'UnknownServer'],
  ['a replica', withNode({ role: 'slave' }), 'error', 'IsReplica'],
  ['a Sentinel', withNode({ role: 'sentinel' }), 'error', 'IsSentinel'],
  ['eviction with a limit', withMemory({ policy: 'allkeys-lru' }), 'error', 'Evicting'],
  ['full memory', withMemory({ usedBytes: 100 << 20 }), 'error', 'MemoryFull'],
  ['nearly full memory', withMemory({ usedBytes: 90 << 20 }), 'warning', 'MemoryNearlyFull'],
  ['no limit of memory', withMemory({ maxBytes: 0 }), 'info', 'NoMemoryLimit'],
  ['a failed snapshot', withDisk({ isSnapshotOk: false }), 'error', 'DiskFailing'],
  ['a failed append', withDisk({ isAppendOk: false }), 'error', 'DiskFailing'],
  ['nothing on disk', withDisk({ hasAppendOnlyFile: false }), 'info', 'NoPersistence'],
  ['a clock that is a minute ahead', withNode({ clockOffsetMs: 60_000 }), 'warning', 'ClockOffset'],
  ['a clock that is an hour behind', withNode({ clockOffsetMs: -3_600_000 }), 'warning', 'ClockOffset'],
  ['a shard without a replica', { mode: 'cluster', nodes: [{ ...NODE, replicas: 0 }] }, 'warning', 'NoReplica'],
  ['a write that fails', { writeProblem: 'NOREPLICAS Not enough good replicas to write.' }, 'error', 'WriteFails'],
  [
    'a replica that says so',
    { ...withNode({ role: 'slave' }), writeProblem: 'READONLY You can' },
    'error',
    'IsReplica',
  ],
  ['a cluster in failure', { clusterState: { ...OK_CLUSTER, state: 'fail' } }, 'error', 'ClusterDown'],
  ['slots that nobody serves', { clusterState: { ...OK_CLUSTER, slotsAssigned: 9_000 } }, 'error', 'ClusterDown'],
  ['Sentinels below their quorum', { sentinel: { ...OK_SENTINEL, sentinels: 1 } }, 'error', 'SentinelNoQuorum'],
  ['two Sentinels', { sentinel: { ...OK_SENTINEL, sentinels: 2 } }, 'warning', 'SentinelsFew'],
  ['Sentinels without a replica', { sentinel: { ...OK_SENTINEL, replicas: 0 } }, 'error', 'SentinelNoReplica'],
  ['a slow server', { latency: { pingP50Ms: 1, pingP99Ms: 700 } }, 'warning', 'Slow'],
  [
    'slow transactions',
    { latency: { pingP50Ms: 1, pingP99Ms: 2, transactionP50Ms: 3, transactionP99Ms: 900 } },
    'warning',
    'Slow',
  ],
  ['a server far away', { latency: { pingP50Ms: 80, pingP99Ms: 90 } }, 'info', 'FarAway'],
] as const) {
  test(`${what} is found, alone, as ${severity} ${reason} in one line`, () => {
    const found = checkRedis({ ...FACTS, ...change });
    assert.deepEqual(
      found.map((finding) => [finding.severity, finding.reason]),
      [[severity, reason]],
    );
    assert.match(found[0]?.message ?? '', /^[^\n]{10,200}[^.\n]$/);
    if (severity !== 'info') assert.ok((found[0]?.hint ?? '').length > 0, 'it says what to do');
  });
}

test('a login that may do everything is one finding that names it all', () => {
  const everything = Object.fromEntries(Object.keys(RIGHTS).map((name) => [name, 'granted']));
  const [first, ...others] = checkRedis({ ...FACTS, ...withRights({ ...everything, anonymous: 'refused' }) });
  assert.deepEqual([first?.reason, others.length], ['AclMissing', 0]);
  for (const word of ['write and delete', 'roster', 'join', 'scripts', 'FLUSHALL', 'configuration']) {
    assert.ok(first?.message.includes(word), word);
  }
});

test('a right that could not be tried is neither granted nor refused', () => {
  const unknown = Object.fromEntries(Object.keys(RIGHTS).map((name) => [name, 'unknown']));
  assert.deepEqual(checkRedis({ ...FACTS, ...withRights(unknown), isAuthority: true }), []);
});

test('every server of a cluster is looked at', () => {
  const nodes = [
    NODE,
    { ...NODE, place: 'b:1', role: 'slave' },
    { ...NODE, place: 'c:1', product: 'redis', version: '5' },
  ];
  const found = checkRedis({ ...FACTS, mode: 'cluster', clusterState: OK_CLUSTER, nodes });
  assert.deepEqual(
    found.map(({ reason }) => reason),
    ['IsReplica', 'ServerTooOld'],
  );
});

test('what is wrong with several servers is one finding that names them', () => {
  const nodes = ['a:1', 'b:1', 'c:1'].map((place) => ({ ...NODE, place, replicas: 0 }));
  const [found, ...others] = checkRedis({ ...FACTS, mode: 'cluster', clusterState: OK_CLUSTER, nodes });
  assert.deepEqual([found?.reason, others.length], ['NoReplica', 0]);
  assert.match(found?.message ?? '', /^a:1 has no replica.*; so with b:1, c:1$/);
});

for (const [product, version, isOld] of [
  ['redis', '7.0', false],
  ['redis', '7.0.15', false],
  ['redis', '10.2.0', false],
  ['redis', '6.9.9', true],
  ['redis', '7', true],
  ['redis', '', true],
  ['redis', 'unstable', true],
  ['valkey', '7.2.4', false],
  ['valkey', '7.1.9', true],
  ['valkey', '9.0.0-rc1', false],
  ['dragonfly', '1.0', false],
] as const) {
  test(`${product} ${version || 'without a version'} is ${isOld ? 'too old' : 'no reason to complain'}`, () => {
    assert.equal(isOldServer(product, version), isOld);
  });
}

const INFO =
  '# Server\r\nredis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:9.1.2\r\nuptime_in_seconds:10\r\n';

test('a Valkey is known by its own version, not by the Redis version that it is compatible with', () => {
  const { product, version } = nodeFactsOf(parseInfo(INFO), 'a:1', 0);
  assert.deepEqual([product, version], ['valkey', '9.1.2']);
});

test('a server that tells nothing is of an unknown kind, and breaks nothing', () => {
  const node = nodeFactsOf(parseInfo('garbage\r\n:x\r\nused_memory:many\r\n'), 'a:1', 0);
  assert.deepEqual([node.product, node.role, node.memory.usedBytes], ['unknown', 'unknown', 0]);
  assert.ok(checkRedis({ ...FACTS, nodes: [node] }).some(({ reason }) => reason === 'UnknownServer'));
});
