import assert from 'node:assert/strict';
import { test } from 'node:test';
import { INVARIANTS } from './check.ts';
import type { Fact, History } from './events.ts';

/** One good history and the ways to spoil it, for each invariant. Times count up by a second a fact. */
function historyOf(...facts: readonly Fact[]): History {
  return facts.map((fact, index) => ({ atMs: index * 1_000, ...fact }));
}

function judged(id: string, ...facts: readonly Fact[]): string {
  const invariant = INVARIANTS.find((each) => each.id === id);
  assert.ok(invariant, `${id} is checked`);
  return invariant.check(historyOf(...facts)).kind;
}

const order = (version: number, beat = 0, incarnation = 1) => ({
  incarnation,
  epoch: 1,
  writerId: 'west-0',
  version,
  beat,
});
const ROSTER: Fact = { kind: 'roster', reader: 'east', version: 1, digest: 'r1', members: { east: 1, west: 1 } };
const SIGNED_ROSTER: Fact = { kind: 'rosterSigned', version: 1, digest: 'r1' };
const GATEWAY = { host: '192.0.2.1', port: 15443 };

function published(version: number, digest = `d${version}`, forbidden?: string): Fact {
  const records = { cluster: `c${version}` };
  return { kind: 'published', cluster: 'west', order: order(version), digest, records, gateways: [GATEWAY], forbidden };
}

function applied(
  version: number,
  fields: { digest?: string; beat?: number; record?: string; life?: number } = {},
): Fact {
  const { digest = `d${version}`, beat = 0, record = `c${version}`, life = 1 } = fields;
  const records = { cluster: record };
  const state = { cluster: 'west', order: order(version, beat, life), digest, records };
  return { kind: 'applied', reader: 'east', run: 1, origin: 'store', ...state };
}

const STARTED: Fact = { kind: 'reader', reader: 'east', run: 1, state: 'started' };
const HEALED: Fact = { kind: 'healed' };
const desired = (version: number): Fact => ({ kind: 'desired', cluster: 'west', digest: `d${version}` });
const failed = (count: number): Fact => ({ kind: 'requests', caller: 'load', ok: 10, failed: count });
const fault = (plane: 'control' | 'data', state: 'begun' | 'ended'): Fact => ({
  kind: 'fault',
  name: 'f',
  plane,
  state,
});
const envoy = (...endpoints: readonly (typeof GATEWAY)[]): Fact => ({
  kind: 'envoy',
  gateway: 'gw',
  reader: 'east',
  origin: 'west',
  endpoints,
});
const rejected: Fact = { kind: 'rejected', reader: 'east', cluster: 'west', clause: 'order', reason: 'Rollback' };
const shown = (where: 'metric' | 'event' | 'status'): Fact => ({
  kind: 'shown',
  reader: 'east',
  cluster: 'west',
  shown: 'Rollback',
  where,
});
const idle = (count: number): readonly Fact[] => Array.from({ length: count }, () => failed(0));

test('I1: a failed request is a violation unless a fault of the data plane lasts', () => {
  assert.equal(judged('I1', failed(0)), 'held');
  assert.equal(judged('I1', failed(1)), 'violated');
  assert.equal(judged('I1', fault('control', 'begun'), failed(1)), 'violated');
  assert.equal(judged('I1', fault('data', 'begun'), failed(1), fault('data', 'ended')), 'held');
  assert.equal(judged('I1', fault('data', 'begun'), fault('data', 'ended'), failed(1)), 'violated');
});

test('I2: an older version, an older beat and a second digest of one version are violations, and a restart forgives none', () => {
  assert.equal(judged('I2', applied(1), applied(2), applied(2, { beat: 1 })), 'held');
  assert.equal(judged('I2', applied(2), applied(1)), 'violated');
  assert.equal(judged('I2', applied(2, { beat: 1 }), applied(2)), 'violated');
  assert.equal(judged('I2', applied(2), applied(2, { beat: 1, digest: 'other' })), 'violated');
  assert.equal(judged('I2', applied(2), STARTED, applied(1)), 'violated');
  assert.equal(judged('I2', applied(2), applied(1, { life: 2 })), 'held');
});

test('I2: what comes back from the disk may be older than the marks, what then comes from the store may not', () => {
  const fromDisk: Fact = { ...applied(1), origin: 'disk' } as Fact; // `applied` builds that kind of fact
  assert.equal(judged('I2', applied(2), fromDisk, applied(2, { beat: 1 })), 'held');
  assert.equal(judged('I2', applied(3), fromDisk, applied(2)), 'violated');
});

test('I2: a crash may lose beats, and never versions', () => {
  const crash: Fact = { kind: 'diskLost', reader: 'east' };
  assert.equal(judged('I2', applied(2, { beat: 5 }), crash, applied(2, { beat: 3 })), 'held');
  assert.equal(judged('I2', applied(2, { beat: 5 }), crash, applied(1, { beat: 9 })), 'violated');
  assert.equal(judged('I2', applied(2, { beat: 5 }), crash, applied(2, { digest: 'other' })), 'violated');
});

test('I2: a roster that is older than one trusted before is a violation, unless the own disk lagged', () => {
  const newer: Fact = { ...ROSTER, version: 2 };
  assert.equal(judged('I2', applied(1), ROSTER, newer), 'held');
  assert.equal(judged('I2', applied(1), newer, ROSTER), 'violated');
  assert.equal(judged('I2', applied(1), newer, { ...ROSTER, origin: 'disk' }, newer), 'held');
});

test('I3: what nobody signed, what the rule forbids, foreign records and foreign endpoints are violations', () => {
  assert.equal(judged('I3', published(1), applied(1)), 'held');
  assert.equal(judged('I3', published(1), applied(2)), 'violated');
  assert.equal(judged('I3', published(1), applied(1, { digest: 'other' })), 'violated');
  assert.equal(judged('I3', published(1), applied(1, { record: 'forged' })), 'violated');
  assert.equal(judged('I3', published(1, 'd1', 'addresses'), applied(1)), 'violated');
  assert.equal(judged('I3', published(1), applied(1), envoy(GATEWAY)), 'held');
  assert.equal(judged('I3', published(1), applied(1), envoy({ ...GATEWAY, port: 1 })), 'violated');
});

test('I3: a roster that nobody signed and a life that the roster does not name are violations', () => {
  assert.equal(judged('I3', SIGNED_ROSTER, ROSTER, published(1), applied(1)), 'held');
  assert.equal(judged('I3', ROSTER, published(1), applied(1)), 'violated');
  const expelled: Fact = { ...ROSTER, members: { east: 1 } };
  assert.equal(judged('I3', SIGNED_ROSTER, expelled, published(1), applied(1)), 'violated');
  const rejoined: Fact = { ...ROSTER, members: { east: 1, west: 2 } };
  const newer: Fact = { ...rejoined, version: 2, digest: 'r2' };
  const both: readonly Fact[] = [SIGNED_ROSTER, { ...SIGNED_ROSTER, version: 2, digest: 'r2' }, ROSTER, newer];
  const judgedBefore: Fact = { ...applied(1), roster: 1 } as Fact; // `applied` builds that kind of fact
  assert.equal(judged('I3', ...both, published(1), judgedBefore), 'held');
  assert.equal(judged('I3', ...both, published(1), applied(1)), 'violated');
  assert.equal(judged('I3', SIGNED_ROSTER, rejoined, published(1), applied(1)), 'violated');
});

test('I4: a reader that is still different, or equal too late, is a violation', () => {
  assert.equal(judged('I4', STARTED, desired(2), applied(1), HEALED, applied(2)), 'held');
  assert.equal(judged('I4', STARTED, desired(2), HEALED, applied(1)), 'violated');
  assert.equal(judged('I4', STARTED, desired(2), HEALED), 'violated');
  assert.equal(judged('I4', STARTED, desired(2), applied(1), HEALED, ...idle(11), applied(2)), 'violated');
  assert.equal(judged('I4', STARTED, desired(2), applied(1)), 'not observed');
});

test('I5: a leaf whose root a live peer lacks, and a root that goes while a leaf needs it, are violations', () => {
  const root = (state: 'held' | 'dropped'): Fact => ({ kind: 'root', holder: 'east', root: 'r', state });
  const leaf = (state: 'used' | 'retired'): Fact => ({ kind: 'leaf', cluster: 'west', leaf: 'l', root: 'r', state });
  assert.equal(judged('I5', STARTED, root('held'), leaf('used'), leaf('retired'), root('dropped')), 'held');
  assert.equal(judged('I5', STARTED, leaf('used')), 'violated');
  assert.equal(judged('I5', STARTED, root('held'), leaf('used'), root('dropped')), 'violated');
  assert.equal(judged('I5', STARTED, { ...STARTED, state: 'stopped' }, leaf('used')), 'held');
});

test('I6: reaching a name that is not exported is a violation', () => {
  const probe = (exported: boolean, reached: boolean): Fact => ({
    kind: 'probe',
    from: 'a',
    name: 'n',
    exported,
    reached,
  });
  assert.equal(judged('I6', probe(false, false)), 'held');
  assert.equal(judged('I6', probe(false, true)), 'violated');
  assert.equal(judged('I6', probe(true, true)), 'not observed');
});

test('I7: a cluster that goes without a roster that says so is a violation, over restarts and in an Envoy', () => {
  const withdrawn: Fact = { kind: 'withdrawn', reader: 'east', cluster: 'west' };
  const holds = (...clusters: readonly string[]): Fact => ({ kind: 'holds', reader: 'east', clusters });
  const expelled: Fact = { ...ROSTER, members: { east: 1 } };
  assert.equal(judged('I7', ROSTER, applied(1), holds('west')), 'held');
  assert.equal(judged('I7', ROSTER, applied(1), withdrawn), 'violated');
  assert.equal(judged('I7', ROSTER, applied(1), expelled, withdrawn, holds()), 'held');
  assert.equal(judged('I7', ROSTER, applied(1), STARTED, holds()), 'violated');
  const rejoined: Fact = { ...ROSTER, members: { east: 1, west: 2 } };
  assert.equal(judged('I7', ROSTER, applied(1), rejoined, STARTED, holds()), 'held');
  assert.equal(judged('I7', ROSTER, applied(1, { life: 2 }), rejoined, STARTED, holds()), 'violated');
  assert.equal(judged('I7', ROSTER, applied(1), { kind: 'diskLost', reader: 'east' }, STARTED, holds()), 'held');
  assert.equal(judged('I7', ROSTER, envoy(GATEWAY), envoy()), 'violated');
  const gone: Fact = { kind: 'verdict', reader: 'east', cluster: 'west', verdict: 'Gone' };
  assert.equal(judged('I7', ROSTER, envoy(GATEWAY), gone, envoy()), 'held');
});

test('I8: usage above its bound is a violation, usage without a bound is not observed', () => {
  const bounds: Fact = { kind: 'bounds', process: 'p', max: { rssBytes: 100 } };
  const usage = (rssBytes: number): Fact => ({ kind: 'usage', process: 'p', used: { rssBytes } });
  assert.equal(judged('I8', bounds, usage(100)), 'held');
  assert.equal(judged('I8', bounds, usage(101)), 'violated');
  assert.equal(judged('I8', usage(1_000)), 'not observed');
});

test('I9: one octet in plaintext is a violation, no capture shows nothing', () => {
  const wire = (plaintextOctets: number): Fact => ({ kind: 'wire', link: 'a-b', octets: 10, plaintextOctets });
  assert.equal(judged('I9', wire(0)), 'held');
  assert.equal(judged('I9', wire(1)), 'violated');
});

test('I10: a rejection that one of the surfaces does not show in time is a violation', () => {
  assert.equal(judged('I10', rejected, shown('metric'), shown('event'), ...idle(11)), 'held');
  assert.equal(judged('I10', rejected, shown('metric'), ...idle(11), shown('event')), 'violated');
  assert.equal(judged('I10', shown('metric'), rejected, ...idle(11)), 'violated');
  assert.equal(judged('I10', rejected, ...idle(11)), 'not observed');
});

test('an invariant that a history says nothing about is not observed, and never held', () => {
  for (const { id, check } of INVARIANTS) assert.equal(check([]).kind, 'not observed', id);
});
