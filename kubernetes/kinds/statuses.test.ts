import assert from 'node:assert/strict';
import { test } from 'node:test';
import { slimGrant } from '../../sources/documents/kinds/slim-grant.ts';
import type { WantedCondition } from '../api/objects.ts';
import type { DesiredStatus } from '../apply/desired.ts';
import { clusterSetStatus, type ClusterSetStatusInput } from './cluster-set-status.ts';
import { condition, type Programming } from './conditions.ts';
import { grantStatus, type GrantStatusInput } from './grant-status.ts';
import { peerStatus, type PeerStatusInput } from './peer-status.ts';
import { NO_VERDICT, policyStatus, type PolicyStatusInput } from './policy-status.ts';
import { readClusterSet, readExportGrant, readFailoverPolicy } from './read.ts';

const DONE: Programming = { kind: 'done' };

function words({ conditions }: DesiredStatus): Readonly<Record<string, string>> {
  return Object.fromEntries(conditions.map(({ type, status, reason }) => [type, `${status}/${reason}`]));
}

function messageOf({ conditions }: DesiredStatus, type: string): string | undefined {
  return conditions.find((one) => one.type === type)?.message;
}

function grant(spec: unknown, fields: Partial<GrantStatusInput> = {}): DesiredStatus {
  return grantStatus({
    generation: 3,
    read: readExportGrant({ metadata: { name: 'g' }, spec }),
    grant: slimGrant('g', spec),
    members: new Set(['east', 'west']),
    exports: new Set(['cart', 'web']),
    programming: DONE,
    ...fields,
  });
}

test('a grant in force says so, of its generation, with what it is about', () => {
  const status = grant({ services: ['cart'], to: [{ cluster: 'west' }] });
  assert.deepEqual(words(status), {
    Accepted: 'True/Accepted',
    ResolvedRefs: 'True/ResolvedRefs',
    Programmed: 'True/Programmed',
  });
  assert.deepEqual(status.fields, { clusters: 1, exports: 1 });
  assert.deepEqual(new Set(status.conditions.map((one: WantedCondition) => one.observedGeneration)), new Set([3]));
});

test('a grant names what is not known now, and is in force all the same', () => {
  const status = grant({ services: ['cart', 'ghost'], to: [{ cluster: 'west' }, { cluster: 'north' }] });
  assert.equal(words(status)['ResolvedRefs'], 'False/UnknownCluster');
  assert.equal(messageOf(status, 'ResolvedRefs'), 'unknown clusters: north; unknown exports: ghost');
  assert.equal(words(status)['Accepted'], 'True/Accepted');
});

test('a grant that is refused names the field and says that it grants nothing', () => {
  const status = grant({ to: [{ cluster: 'west', identities: ['x'] }] });
  assert.deepEqual(words(status), {
    Accepted: 'False/NotSupported',
    ResolvedRefs: 'True/ResolvedRefs',
    Programmed: 'False/NotAccepted',
  });
  assert.equal(messageOf(status, 'Accepted'), 'spec.to[0].identities is not supported yet; it grants nothing');
  assert.equal(status.fields?.['clusters'], 0);
});

test('a grant of another schema names every field that does not fit, up to a few', () => {
  const status = grant({ services: ['A', 'B'], to: [{ cluster: 'C' }, {}] });
  assert.equal(words(status)['Accepted'], 'False/Invalid');
  const message = messageOf(status, 'Accepted') ?? '';
  for (const field of ['spec.services[0]', 'spec.services[1]', 'spec.to[0].cluster', '1 more']) {
    assert.ok(message.includes(field), `${field} in ${message}`);
  }
});

for (const [programming, expected] of [
  [{ kind: 'pending' }, 'False/Pending'],
  [{ kind: 'no-gateway' }, 'False/NoGateway'],
  [{ kind: 'refused', message: 'no' }, 'False/Refused'],
] as const) {
  test(`what gateways say as ${programming.kind} is told as ${expected}`, () => {
    assert.equal(words(grant({ to: [{ cluster: 'west' }] }, { programming }))['Programmed'], expected);
  });
}

function policy(spec: unknown, fields: Partial<PolicyStatusInput> = {}): DesiredStatus {
  return policyStatus({
    generation: 1,
    read: readFailoverPolicy({ metadata: { name: 'p', namespace: 'shop' }, spec }),
    verdict: { holds: 'namespace', lost: [] },
    places: { clusters: new Set(['west']), networks: new Set(['dc']), regions: new Set(['eu']) },
    services: new Set(['cart', 'web', 'pay']),
    namedElsewhere: new Set(['pay']),
    programming: DONE,
    ...fields,
  });
}

test('a policy for a namespace counts the services that no other policy names', () => {
  const status = policy({ order: [{ cluster: 'west' }, { network: 'dc' }, { region: 'eu' }] });
  assert.deepEqual(status.fields, { services: 2 });
  assert.deepEqual(words(status), {
    Accepted: 'True/Accepted',
    Conflict: 'False/NoConflicts',
    ResolvedRefs: 'True/ResolvedRefs',
    Programmed: 'True/Programmed',
  });
});

test('a policy that loses in part is accepted with a conflict that names who decides for what', () => {
  const verdict = { holds: ['cart'], lost: [{ service: 'web', winner: 'older' }] };
  const status = policy({ services: ['cart', 'web'], order: [{ cluster: 'west' }] }, { verdict });
  assert.equal(words(status)['Accepted'], 'True/Accepted');
  assert.equal(words(status)['Conflict'], 'True/Conflicted');
  assert.equal(messageOf(status, 'Conflict'), 'older decides for web');
  assert.deepEqual(status.fields, { services: 1 });
});

test('a policy that loses everywhere is not accepted', () => {
  const verdict = { holds: [], lost: [{ winner: 'older' }] };
  const status = policy({ order: [{ cluster: 'west' }] }, { verdict });
  assert.equal(words(status)['Accepted'], 'False/Conflicted');
  assert.equal(messageOf(status, 'Accepted'), 'it decides nothing: older decides for the namespace');
});

test('a policy tells of places and services that nobody knows', () => {
  const order = [{ cluster: 'x' }, { network: 'y' }, { region: 'z' }, { cluster: 'west' }];
  const status = policy({ services: ['ghost'], order }, { verdict: { holds: ['ghost'], lost: [] } });
  assert.equal(words(status)['ResolvedRefs'], 'False/UnknownCluster');
  assert.equal(
    messageOf(status, 'ResolvedRefs'),
    'unknown clusters: x; unknown networks: y; unknown regions: z; unknown services: ghost',
  );
  assert.deepEqual(status.fields, { services: 0 });
});

test('a policy that does not fit its schema is told by its fields', () => {
  const status = policy({ order: [{ cluster: 'a', region: 'b' }] }, { verdict: NO_VERDICT });
  assert.equal(words(status)['Accepted'], 'False/Invalid');
  assert.equal(messageOf(status, 'Accepted'), 'spec.order[0]: exactly one of cluster, network and region is needed');
});

function clusterSet(spec: unknown, fields: Partial<ClusterSetStatusInput> = {}): DesiredStatus {
  return clusterSetStatus({
    generation: 1,
    read: readClusterSet({ metadata: { name: 'default' }, spec }),
    clusterset: 'prod.example.org',
    cluster: 'east',
    roster: 1,
    members: { active: 1, quarantined: 0, removed: 0, live: 0 },
    services: { exported: 0, imported: 0 },
    known: new Set(['east']),
    programming: DONE,
    standing: { kind: 'ready' },
    ...fields,
  });
}

test('an empty ClusterSet is a good one, also as null', () => {
  for (const spec of [undefined, null, {}]) assert.equal(words(clusterSet(spec))['Accepted'], 'True/Accepted');
});

test('a ClusterSet tells of pins to clusters that are no members, each once', () => {
  const importPins = ['a', 'b'].map((namespace) => ({ namespace, clusters: ['east', 'west'] }));
  const status = clusterSet({ importPins });
  assert.equal(messageOf(status, 'ResolvedRefs'), 'unknown clusters: west');
});

for (const [standing, expected] of [
  [{ kind: 'gathering' }, 'False/Gathering'],
  [{ kind: 'store-down', message: 'refused' }, 'False/StoreUnreachable'],
  [{ kind: 'leaving' }, 'False/Leaving'],
] as const) {
  test(`a cluster that is ${standing.kind} is ${expected}`, () => {
    assert.equal(words(clusterSet({}, { standing }))['Ready'], expected);
  });
}

function peer(fields: Partial<PeerStatusInput>): DesiredStatus {
  return peerStatus({
    generation: 1,
    membership: 'active',
    verdict: 'Live',
    reason: 'HeadFreshAndGatewaysReached',
    message: 'fine',
    serving: true,
    addresses: [],
    gateways: 1,
    services: 1,
    ...fields,
  });
}

for (const [what, fields, accepted, ready] of [
  ['live', {}, 'True/Accepted', 'True/HeadFreshAndGatewaysReached'],
  ['refused', { rejected: 'forged' }, 'False/Rejected', 'True/HeadFreshAndGatewaysReached'],
  ['quarantined', { membership: 'quarantined' }, 'False/Quarantined', 'False/Quarantined'],
  ['never heard', { verdict: 'Unknown', reason: 'NothingHeard' }, 'Unknown/NothingHeard', 'Unknown/NothingHeard'],
  ['back too shortly', { serving: false }, 'True/Accepted', 'False/HeldBack'],
  [
    'unreachable',
    { verdict: 'Unreachable', reason: 'GatewaysUnreachable', serving: false },
    'True/Accepted',
    'False/GatewaysUnreachable',
  ],
] as const) {
  test(`a peer that is ${what} is ${accepted} and ${ready}`, () => {
    assert.deepEqual(words(peer(fields)), { Accepted: accepted, Ready: ready });
  });
}

test('a peer that is quarantined has that for its verdict, and at most so many addresses are shown', () => {
  const addresses = Array.from({ length: 100 }, (_, at) => `203.0.113.1:${at + 1}`);
  const { fields } = peer({ membership: 'quarantined', addresses });
  assert.equal(fields?.['verdict'], 'Quarantined');
  assert.deepEqual(fields?.['gateways'], addresses.slice(0, 64));
});

test('a message has a length that a person reads', () => {
  const long = condition('Ready', { status: 'True', reason: 'X', message: 'x'.repeat(5_000) }, undefined);
  assert.equal(long.message.length, 2_048);
  assert.ok(!('observedGeneration' in long));
});
