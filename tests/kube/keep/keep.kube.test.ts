import assert from 'node:assert/strict';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import type { KeepState } from '../../../controller/keep/waiting.ts';
import { loadSiteTrust } from '../../../controller/site-trust.ts';
import { loadPorts, PortsFile, type PortTable } from '../../../controller/ports-file.ts';
import { stateFolder } from '../../../controller/state-folder.ts';
import type { ServicePortKey } from '../../../federation/model/ids.ts';
import { decodeMarks } from '../../../federation/sync/marks-codec.ts';
import { Marks } from '../../../federation/sync/marks.ts';
import { CONFIG_MAPS, SECRETS } from '../../../kubernetes/api/resources.ts';
import { silentLogger } from '../../../runtime/log.ts';
import { Metrics } from '../../../runtime/metrics.ts';
import { type KubeServer, startKubeServer } from '../server.ts';
import { clock, DOMAIN, EAST, KubeSite, random, until, WEST } from './keep.fixture.ts';

/** What a controller keeps outside its pod, on a real API server: founding, losing pods, darkness, foreign content. */
let server: KubeServer;
before(async () => {
  server = await startKubeServer({ name: 'keep' });
});
after(() => server[Symbol.asyncDispose]());

const log = silentLogger;
const MARK = { order: { incarnation: 1, epoch: 4, writerId: 'w', version: 70, beat: 2 }, digest: 'ab'.repeat(32) };

async function trustIn(dir: string, replica = 'pod-a') {
  const init = { cluster: EAST, clustersetDomain: DOMAIN, leafLifetimeMs: 3_600_000, authority: true };
  const folder = stateFolder(dir, replica);
  const trust = await loadSiteTrust({ folder, random }, init);
  return { ...trust, ca: await readFile(folder.clusterCaCertificate, 'utf8') };
}

async function marksIn(dir: string, mirror: Parameters<typeof Marks.load>[1], replica = 'pod-a') {
  const init = { path: stateFolder(dir, replica).marks, ...mirror };
  return (await Marks.load({ log, metrics: new Metrics() }, init)).marks;
}

function portsOf(table: Readonly<Record<string, number>>): PortTable {
  return new Map(Object.entries(table) as [ServicePortKey, number][]);
}

test('two replicas that begin at once make one root, and both have it', async (t) => {
  const site = await KubeSite.make(t, server);
  const disks = await Promise.all([site.disk(), site.disk(), site.disk()]);
  await Promise.all(disks.map((dir, index) => site.open(dir, { replica: `pod-${index}` })));
  const trusts = await Promise.all(disks.map((dir, index) => trustIn(dir, `pod-${index}`)));
  assert.equal(new Set(trusts.map(({ roots }) => Buffer.from(roots[0] ?? []).toString('hex'))).size, 1);
  assert.equal(new Set(trusts.map(({ rootKey }) => Buffer.from(rootKey?.publicKey ?? []).toString('hex'))).size, 1);
  assert.equal(new Set(trusts.map(({ voidToken }) => voidToken.reveal())).size, 1);
  const secret = await site.secret('isthmus-keys');
  const entries = ['cluster-ca.crt', 'cluster-ca.pem', 'root.crt', 'root.pem', 'roster.json.gz', 'void-token'];
  assert.deepEqual(Object.keys(secret ?? {}).sort(), entries);
});

test('a new pod goes on with the same CA, marks that are not below, and the same gateway ports', async (t) => {
  const site = await KubeSite.make(t, server);
  const first = await site.disk();
  {
    const keep = await site.open(first);
    const marks = await marksIn(first, { mirror: keep.marks });
    keep.lead(true);
    await marks.takeEpoch(7);
    await marks.advance(WEST, MARK);
    await marks.reserveVersion(3);
    const { ports } = await loadPorts(stateFolder(first).ports);
    assert.equal(ports.size, 0);
    const file = new PortsFile({ log }, { path: stateFolder(first).ports, mirror: keep.savePorts });
    file.save(portsOf({ 'shop/cart:80': 20_001 }));
    await file.close();
    await marks.close();
    await keep[Symbol.asyncDispose]();
  }
  const earlier = await trustIn(first);
  await rm(first, { recursive: true });
  const second = await site.disk();
  const keep = await site.open(second, { replica: 'pod-b' });
  const trust = await trustIn(second, 'pod-b');
  assert.equal(trust.ca, earlier.ca);
  assert.equal(trust.voidToken.reveal(), earlier.voidToken.reveal());
  const marks = await marksIn(second, { mirror: keep.marks }, 'pod-b');
  assert.deepEqual(marks.own, { epoch: 7, version: 66 });
  assert.deepEqual(marks.peer(WEST), MARK);
  assert.deepEqual((await loadPorts(stateFolder(second).ports)).ports, portsOf({ 'shop/cart:80': 20_001 }));
});

test('an epoch is on the API server before it is used, and a dark API server lets nobody take one', async (t) => {
  const site = await KubeSite.make(t, server);
  const dir = await site.disk();
  const keep = await site.open(dir);
  const marks = await marksIn(dir, { mirror: keep.marks });
  await marks.takeEpoch(5);
  const kept = (await site.configMap('isthmus-marks'))?.['marks.json'] ?? '';
  assert.equal(decodeMarks(Buffer.from(kept))?.own.epoch, 5);
  await server.kill();
  try {
    await assert.rejects(marks.takeEpoch(6));
  } finally {
    await server.restart();
  }
  await marks.takeEpoch(7);
});

test('marks are written at most once a second, and a replica that follows writes none of its own accord', async (t) => {
  const site = await KubeSite.make(t, server);
  const dir = await site.disk();
  let writes = 0;
  const { admin } = server;
  const transport = {
    call: (request: Parameters<typeof admin.call>[0]) => {
      if (request.method !== 'GET' && JSON.stringify(request.body).includes('isthmus-marks')) writes += 1;
      return admin.call(request);
    },
    lines: admin.lines.bind(admin),
  };
  const keep = await site.open(dir, {}, { transport });
  const marks = await marksIn(dir, { mirror: keep.marks });
  await marks.advance(WEST, MARK);
  assert.equal(await site.configMap('isthmus-marks'), undefined);
  keep.lead(true);
  await until(async () => (await site.configMap('isthmus-marks')) !== undefined, 'the first write');
  const sinceMs = clock.monotonicMs();
  let version = MARK.order.version;
  while (clock.monotonicMs() - sinceMs < 1_500) {
    version += 1;
    await marks.advance(WEST, { ...MARK, order: { ...MARK.order, version } });
    await clock.sleep(5);
  }
  assert.ok(writes <= 3, `${writes} writes`);
  await marks.close();
  await keep[Symbol.asyncDispose]();
  const kept = (await site.configMap('isthmus-marks'))?.['marks.json'] ?? '';
  assert.equal(decodeMarks(Buffer.from(kept))?.peers.get(WEST)?.order.version, version);
});

test('what is kept is the higher of both: a pod with an older memory takes nothing back', async (t) => {
  const site = await KubeSite.make(t, server);
  const [old, newer] = [await site.disk(), await site.disk()];
  const oldKeep = await site.open(old);
  const newKeep = await site.open(newer, { replica: 'pod-b' });
  const newMarks = await marksIn(newer, { mirror: newKeep.marks }, 'pod-b');
  await newMarks.advance(WEST, MARK);
  await newMarks.takeEpoch(9);
  const oldMarks = await marksIn(old, { mirror: oldKeep.marks });
  await oldMarks.advance(WEST, { ...MARK, order: { ...MARK.order, version: 3 } });
  await oldMarks.takeEpoch(2);
  const kept = decodeMarks(Buffer.from((await site.configMap('isthmus-marks'))?.['marks.json'] ?? ''));
  assert.equal(kept?.own.epoch, 9);
  assert.deepEqual(kept?.peers.get(WEST), MARK);
});

test('a restarted container starts from its disk while the API server is dark, and catches up afterwards', async (t) => {
  const site = await KubeSite.make(t, server);
  const dir = await site.disk();
  await (await site.open(dir))[Symbol.asyncDispose]();
  const earlier = await trustIn(dir);
  for (const darken of ['kill', 'pause'] as const) {
    await server.admin.delete(CONFIG_MAPS, { namespace: site.namespace, name: 'isthmus-trust' });
    if (darken === 'kill') await server.kill();
    else server.pause();
    try {
      const sinceMs = clock.monotonicMs();
      const keep = await site.open(dir);
      // 500 ms for the API server, the rest for a busy machine.
      assert.ok(clock.monotonicMs() - sinceMs < 3_000);
      assert.deepEqual(
        keep.findings.map(({ reason }) => reason),
        ['IdentityNotCompared'],
      );
    } finally {
      if (darken === 'kill') await server.restart();
      else server.resume();
    }
    assert.deepEqual((await trustIn(dir)).ca, earlier.ca);
    await until(async () => (await site.configMap('isthmus-trust')) !== undefined, 'the anchors after the darkness');
  }
});

test('a new pod waits for a dark API server, saying why, and starts when it answers', async (t) => {
  const site = await KubeSite.make(t, server);
  await (await site.open(await site.disk()))[Symbol.asyncDispose]();
  const dir = await site.disk();
  const states: KeepState[] = [];
  await server.kill();
  const opening = site.open(dir, { replica: 'pod-b', onState: (state) => states.push(state) });
  try {
    await until(() => states.length > 0, 'a state');
  } finally {
    await server.restart();
  }
  await opening;
  assert.ok(states[0]?.kind === 'waiting' && states[0].reason === 'ApiServerUnreachable');
  assert.deepEqual(states.at(-1), { kind: 'enrolled' });
  assert.ok(site.logged.some((line) => line.includes('this cluster has no identity here yet')));
});

test('gateways find the anchors of their controller in a ConfigMap that holds nothing secret', async (t) => {
  const site = await KubeSite.make(t, server);
  const dir = await site.disk();
  await site.open(dir);
  await until(async () => (await site.configMap('isthmus-trust')) !== undefined, 'the anchors');
  const data = (await site.configMap('isthmus-trust')) ?? {};
  assert.equal(data['ca.pem'], (await trustIn(dir)).ca);
  assert.deepEqual(
    { ...data, 'ca.pem': '' },
    {
      'ca.pem': '',
      cluster: 'east',
      clusterset: DOMAIN,
      'trust-domain': `east.${DOMAIN}`,
    },
  );
});

test('foreign content in the Secret is named, is not overwritten, and is waited for to be mended', async (t) => {
  const site = await KubeSite.make(t, server);
  await site.putSecret('isthmus-keys', { 'cluster-ca.pem': 'hunter2' });
  const earlier = await site.secret('isthmus-keys');
  const states: KeepState[] = [];
  const opening = site.open(await site.disk(), { onState: (state) => states.push(state) });
  await until(() => states.length > 0, 'a state');
  const [state] = states;
  assert.ok(state?.kind === 'waiting' && state.reason === 'ForeignContent');
  assert.match(state.message, /key cluster-ca\.pem of Secret keep-\d+\/isthmus-keys is not an ECDSA P-256 private key/);
  assert.deepEqual(await site.secret('isthmus-keys'), earlier);
  assert.ok(!site.logged.join('').includes('hunter2') && !state.message.includes('hunter2'));
  await server.admin.delete(SECRETS, { namespace: site.namespace, name: 'isthmus-keys' });
  await opening;
});

test('with foreign content in the Secret a pod that has its identity on disk starts with that and leaves the Secret alone', async (t) => {
  const site = await KubeSite.make(t, server);
  const dir = await site.disk();
  await (await site.open(dir))[Symbol.asyncDispose]();
  await site.putSecret('isthmus-keys', { 'void-token': 'something else' });
  const earlier = await site.secret('isthmus-keys');
  const keep = await site.open(dir);
  assert.match(keep.findings[0]?.message ?? '', /key void-token of Secret .* is not 64 hex digits/);
  assert.deepEqual(await site.secret('isthmus-keys'), earlier);
});

test('an authority whose keys are gone while other memory is there does not found anew', async (t) => {
  const site = await KubeSite.make(t, server);
  const dir = await site.disk();
  {
    const keep = await site.open(dir);
    await (await marksIn(dir, { mirror: keep.marks })).takeEpoch(1);
    await keep[Symbol.asyncDispose]();
  }
  const kept = (await site.secret('isthmus-keys')) ?? {};
  await server.admin.delete(SECRETS, { namespace: site.namespace, name: 'isthmus-keys' });
  const states: KeepState[] = [];
  const opening = site.open(await site.disk(), { replica: 'pod-b', onState: (state) => states.push(state) });
  await until(() => states.length > 0, 'a state');
  assert.ok(states[0]?.kind === 'waiting' && states[0].reason === 'IdentityLost');
  assert.equal(await site.secret('isthmus-keys'), undefined);
  await site.putSecret('isthmus-keys', kept);
  await opening;
});

test('keys that are deleted under a running cluster come back from the next start with a disk', async (t) => {
  const site = await KubeSite.make(t, server);
  const dir = await site.disk();
  await (await site.open(dir))[Symbol.asyncDispose]();
  const kept = await site.secret('isthmus-keys');
  await server.admin.delete(SECRETS, { namespace: site.namespace, name: 'isthmus-keys' });
  await site.open(dir);
  await until(async () => (await site.secret('isthmus-keys')) !== undefined, 'the keys');
  assert.deepEqual(await site.secret('isthmus-keys'), kept);
});

test('damaged marks are set aside and said, and do not keep a pod from starting', async (t) => {
  const site = await KubeSite.make(t, server);
  const dir = await site.disk();
  const keep = await site.open(dir);
  await (await marksIn(dir, { mirror: keep.marks })).takeEpoch(3);
  await keep[Symbol.asyncDispose]();
  const where = { namespace: site.namespace, name: 'isthmus-marks' };
  await server.admin.patch(CONFIG_MAPS, where, { type: 'merge', body: { data: { 'marks.json': 'x' } } });
  const other = await site.open(await site.disk(), { replica: 'pod-b' });
  assert.deepEqual(
    other.findings.map(({ reason }) => reason),
    ['MarksLost'],
  );
  await other.marks.flush();
  const data = await site.configMap('isthmus-marks');
  assert.equal(data?.['marks.json.damaged'], 'x');
  assert.ok(decodeMarks(Buffer.from(data?.['marks.json'] ?? '')) !== undefined);
});

test('a replica that follows takes over the table of its leader, and a mended copy on disk replaces a damaged one', async (t) => {
  const site = await KubeSite.make(t, server);
  const [leader, follower] = [await site.disk(), await site.disk()];
  const leads = await site.open(leader);
  const follows = await site.open(follower, { replica: 'pod-b' });
  leads.savePorts(portsOf({ 'shop/cart:80': 20_001 }));
  const path = stateFolder(follower).ports;
  await until(async () => {
    await follows.pullPorts();
    return (await readFile(path, 'utf8').catch(() => '')).includes('20001');
  }, 'the table');
  await writeFile(stateFolder(follower).clusterCaCertificate, 'torn');
  await follows[Symbol.asyncDispose]();
  await site.open(follower, { replica: 'pod-b' });
  assert.deepEqual((await trustIn(follower)).ca, (await trustIn(leader)).ca);
});
