import assert from 'node:assert/strict';
import { test } from 'node:test';
import { planOwnRecords } from '../../federation/model/own-records.ts';
import { parseClusterId, parseNetworkId } from '../../federation/model/ids.ts';
import { exampleChain } from '../../federation/model/testing/records.fixture.ts';
import { projectGrant } from './grant-projection.ts';
import type { SlimGrant } from '../../federation/model/export-grants.ts';
import type { SlimExport, SlimService } from './projections.ts';
import { type ExportFacts, type ExportVerdict, judgeExport } from './verdict.ts';

const SERVICE: SlimService = {
  type: 'ClusterSetIP',
  leaving: false,
  ports: [{ name: 'http', protocol: 'TCP', port: 80, appProtocol: 'http' }],
  notCarried: [],
  families: ['IPv4'],
  sessionAffinity: 'None',
};
const WANTED: SlimExport = {
  uid: 'u1',
  generation: 3,
  exportedAtMs: 1_000,
  leaving: false,
  labels: {},
  annotations: {},
};

function judge(fields: Partial<ExportFacts> = {}): ExportVerdict {
  return judgeExport({
    key: 'default/shop',
    wanted: WANTED,
    service: SERVICE,
    namespaceTerminating: false,
    slices: [],
    grants: [],
    ...fields,
  });
}

function exported(verdict: ExportVerdict): Extract<ExportVerdict, { outcome: 'exported' }> {
  assert.equal(verdict.outcome, 'exported', JSON.stringify(verdict));
  return verdict;
}

function grant(fields: Partial<SlimGrant>): SlimGrant {
  return { name: 'g', clusters: [], ...fields };
}

const east = parseClusterId('east');
const west = parseClusterId('west');

const REFUSED: readonly (readonly [string, Partial<ExportFacts>, string, RegExp])[] = [
  ['there is no Service', { service: undefined }, 'NoService', /there is no Service default\/shop/],
  ['the Service is being deleted', { service: { ...SERVICE, leaving: true } }, 'NoService', /being deleted/],
  [
    'the Service is an ExternalName',
    { service: { ...SERVICE, type: 'ExternalName' } },
    'InvalidServiceType',
    /ExternalName/,
  ],
  ['the Service is an import of ours', { service: { ...SERVICE, type: 'Derived' } }, 'InvalidServiceType', /import/],
  [
    'no Service can have its name',
    { key: 'default/shop.v1', service: undefined },
    'NoService',
    /no Service can have the name "shop.v1"/,
  ],
];

for (const [when, facts, reason, message] of REFUSED) {
  test(`an export is not valid when ${when}`, () => {
    const verdict = judge(facts);
    assert.equal(verdict.outcome, 'invalid');
    assert.equal(verdict.outcome === 'invalid' && verdict.reason, reason);
    assert.match(verdict.outcome === 'invalid' ? verdict.message : '', message);
  });
}

test('an export that is being deleted, or whose namespace is, is leaving', () => {
  assert.equal(judge({ wanted: { ...WANTED, leaving: true } }).outcome, 'leaving');
  assert.equal(judge({ namespaceTerminating: true }).outcome, 'leaving');
});

test('SCTP ports are left out with a note, and an export of nothing else fails', () => {
  const some = exported(judge({ service: { ...SERVICE, notCarried: ['signal 9/SCTP'] } }));
  assert.match(some.notes.join(), /signal 9\/SCTP/);
  const none = judge({ service: { ...SERVICE, ports: [], notCarried: ['signal 9/SCTP'] } });
  assert.equal(none.outcome, 'failed');
});

test('a headless Service without ports is exported as it is', () => {
  const { service } = exported(judge({ service: { ...SERVICE, type: 'Headless', ports: [] } }));
  assert.equal(service.type, 'Headless');
  assert.deepEqual(service.ports, []);
});

test('more ports than a record may have fail the export', () => {
  const ports = Array.from({ length: 101 }, (_, at) => ({
    name: `p${at}`,
    protocol: 'TCP' as const,
    port: at + 1,
    appProtocol: 'tcp' as const,
  }));
  assert.equal(judge({ service: { ...SERVICE, ports } }).outcome, 'failed');
});

test('labels and annotations come from the export alone, and what no record takes is left out by name', () => {
  const many = Object.fromEntries(Array.from({ length: 70 }, (_, at) => [`l${String(at).padStart(2, '0')}`, 'x']));
  const labels = { good: 'yes', 'bad value': 'x', long: 'x'.repeat(64) };
  const first = exported(
    judge({ wanted: { ...WANTED, labels, annotations: { note: 'ä', huge: 'x'.repeat(20_000) } } }),
  );
  assert.deepEqual(first.service.labels, { good: 'yes' });
  assert.deepEqual(first.service.annotations, { note: 'ä' });
  assert.match(first.notes.join('|'), /labels left out.*"bad value", "long"/);
  assert.match(first.notes.join('|'), /annotations left out.*"huge"/);
  const second = exported(judge({ wanted: { ...WANTED, labels: many } }));
  assert.equal(Object.keys(second.service.labels).length, 64);
  assert.match(second.notes.join('|'), /"l64".* and 1 more/);
});

test('whatever an export asks for, its record is one that readers take', () => {
  const annotations = Object.fromEntries(Array.from({ length: 64 }, (_, at) => [`a${at}`, 'x'.repeat(16_000)]));
  const { service } = exported(judge({ wanted: { ...WANTED, annotations, labels: { ['x'.repeat(400)]: 'y' } } }));
  const plan = planOwnRecords({
    site: { network: parseNetworkId('net'), softwareVersion: '1' },
    gateways: [],
    local: { services: new Map([[service.key, service]]) },
    unhealthy: new Set(),
    chain: exampleChain(),
  });
  assert.deepEqual(plan.findings, []);
  assert.ok(plan.records.has('service/default/shop'));
});

const GRANTED: readonly (readonly [string, readonly SlimGrant[], readonly string[] | undefined])[] = [
  ['no grant names it', [grant({ services: ['other'], clusters: [east] })], undefined],
  ['a grant of the namespace covers it', [grant({ clusters: [west] })], ['west']],
  [
    'two grants add up',
    [grant({ clusters: [west, east] }), grant({ services: ['shop'], clusters: [east] })],
    ['east', 'west'],
  ],
  ['the only grant is refused', [grant({ clusters: [east], refused: 'no' })], []],
  [
    'a refused grant stands beside a good one',
    [grant({ clusters: [east], refused: 'no' }), grant({ clusters: [west] })],
    ['west'],
  ],
  ['a grant names no cluster', [grant({})], []],
];

for (const [when, grants, expected] of GRANTED) {
  test(`an export is granted to ${expected === undefined ? 'all' : `[${expected.join()}]`} when ${when}`, () => {
    assert.deepEqual(exported(judge({ grants })).service.grantedTo, expected);
  });
}

const GRANT_SPECS: readonly (readonly [string, unknown, Partial<SlimGrant>])[] = [
  ['all services', { to: [{ cluster: 'east' }] }, { services: undefined, clusters: [east] }],
  ['one service', { services: ['shop'], to: [{ cluster: 'east' }] }, { services: ['shop'], clusters: [east] }],
  [
    'namespaces',
    { services: ['shop'], to: [{ cluster: 'east', namespaces: ['a'] }] },
    { services: ['shop'], refused: 'spec.to[0].namespaces is not supported' },
  ],
  [
    'identities',
    { to: [{ identities: ['spiffe://a/b'] }] },
    { services: undefined, refused: 'spec.to[0].identities is not supported' },
  ],
  ['a bad name', { to: [{ cluster: 'East' }] }, { refused: 'spec.to[0].cluster is not a cluster name' }],
  ['no list', { to: 'east' }, { refused: 'spec.to is not a list of clusters' }],
  [
    'services that are no names',
    { services: [1], to: [] },
    { services: undefined, refused: 'spec.services is not a list of names' },
  ],
  ['no spec at all', undefined, { refused: 'spec.to is not a list of clusters' }],
];

for (const [what, spec, expected] of GRANT_SPECS) {
  test(`a grant with ${what} is read as ${JSON.stringify(expected)}`, () => {
    const found = projectGrant({ metadata: { name: 'g', namespace: 'default' }, spec });
    for (const [field, value] of Object.entries(expected)) assert.deepEqual(found[field as keyof SlimGrant], value);
    assert.equal(found.refused === undefined, expected.refused === undefined);
  });
}
