/** Our own kinds on a real API server: what it takes, what it refuses and how it says so, and what kubectl shows. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import type { KubeObject } from '../../../kubernetes/api/objects.ts';
import {
  CLUSTER_SETS,
  EXPORT_GRANTS,
  FAILOVER_POLICIES,
  NAMESPACES,
  pathOf,
  PEERS,
  apiVersionOf,
  type Resource,
} from '../../../kubernetes/api/resources.ts';
import { clusterSetStatus } from '../../../kubernetes/kinds/cluster-set-status.ts';
import { grantStatus } from '../../../kubernetes/kinds/grant-status.ts';
import { peerStatus } from '../../../kubernetes/kinds/peer-status.ts';
import { NO_VERDICT, policyStatus } from '../../../kubernetes/kinds/policy-status.ts';
import { readClusterSet, readExportGrant, readFailoverPolicy } from '../../../kubernetes/kinds/read.ts';
import { projectGrant } from '../../../kubernetes/exports/grant-projection.ts';
import { statusToWrite } from '../../../kubernetes/apply/status.ts';
import type { DesiredStatus } from '../../../kubernetes/apply/desired.ts';
import { installCrds } from '../crds.ts';
import { namespace } from '../objects.ts';
import { kubeCommand } from '../program.ts';
import { type KubeServer, startKubeServer } from '../server.ts';

const NS = 'shop';
const NOW_MS = Date.parse('2026-11-24T12:00:00Z');

const names = (count: number): string[] => Array.from({ length: count }, (_, index) => `n${index}`);
const long = 'a'.repeat(64);

type Spec = Readonly<Record<string, unknown>>;
/** What the server's answer must name: the field, and what is wrong. */
type Refused = readonly [what: string, spec: unknown, field: RegExp];

const one = { cluster: 'west' };

const GOOD: readonly (readonly [Resource, string, Spec])[] = [
  [EXPORT_GRANTS, 'all', { to: [one] }],
  [EXPORT_GRANTS, 'some', { services: ['cart', 'web'], to: [one, { cluster: 'north' }] }],
  [EXPORT_GRANTS, 'later', { to: [{ cluster: 'west', namespaces: ['a'], identities: ['spiffe://west/ns/a/sa/b'] }] }],
  [EXPORT_GRANTS, 'largest', { services: names(256), to: names(1_000).map((cluster) => ({ cluster })) }],
  [FAILOVER_POLICIES, 'all', { order: [one] }],
  [FAILOVER_POLICIES, 'kinds', { order: [one, { network: 'west' }, { region: 'west' }], rest: 'deny' }],
  [FAILOVER_POLICIES, 'largest', { services: names(256), order: names(64).map((network) => ({ network })) }],
  [CLUSTER_SETS, 'default', {}],
  [CLUSTER_SETS, 'default', { imports: [] }],
  [CLUSTER_SETS, 'default', { imports: ['shop', 'bank/ledger'], importPins: [{ namespace: 'a', clusters: ['west'] }] }],
  [
    CLUSTER_SETS,
    'default',
    { imports: names(5_000), importPins: names(1_000).map((name) => ({ namespace: name, clusters: [name] })) },
  ],
];

const REFUSED_GRANTS: readonly Refused[] = [
  ['no spec', undefined, /spec: Required/],
  ['no grantees', {}, /spec\.to: Required/],
  ['an empty list of grantees', { to: [] }, /spec\.to: .*at least 1/],
  ['too many grantees', { to: names(1_001).map((cluster) => ({ cluster })) }, /spec\.to: Too many: 1001/],
  ['a grantee without a name', { to: [{}] }, /spec\.to\[0\]\.cluster: Required/],
  ['a grantee twice', { to: [one, one] }, /spec\.to\[1\]: Duplicate/],
  ['upper case', { to: [{ cluster: 'West' }] }, /spec\.to\[0\]\.cluster: .*should match/],
  ['a name that is too long', { to: [{ cluster: long }] }, /spec\.to\[0\]\.cluster: Too long/],
  ['a number for a name', { to: [{ cluster: 7 }] }, /spec\.to\[0\]\.cluster: .*must be of type string/],
  ['no list', { to: 'west' }, /spec\.to: .*must be of type array/],
  ['no services', { services: [], to: [one] }, /spec\.services: .*at least 1/],
  ['too many services', { services: names(257), to: [one] }, /spec\.services: Too many: 257/],
  ['a service twice', { services: ['a', 'a'], to: [one] }, /spec\.services\[1\]: Duplicate/],
  ['a service of another namespace', { services: ['bank/cart'], to: [one] }, /spec\.services\[0\]: .*should match/],
  ['no namespaces', { to: [{ ...one, namespaces: [] }] }, /spec\.to\[0\]\.namespaces: .*at least 1/],
  ['a bad namespace', { to: [{ ...one, namespaces: ['A'] }] }, /spec\.to\[0\]\.namespaces\[0\]: .*should match/],
  ['too many namespaces', { to: [{ ...one, namespaces: names(1_001) }] }, /spec\.to\[0\]\.namespaces: Too many/],
  ['an empty identity', { to: [{ ...one, identities: [''] }] }, /spec\.to\[0\]\.identities\[0\]: .*at least 1 char/],
  ['a long identity', { to: [{ ...one, identities: ['x'.repeat(513)] }] }, /spec\.to\[0\]\.identities\[0\]: Too long/],
  ['too many identities', { to: [{ ...one, identities: names(65) }] }, /spec\.to\[0\]\.identities: Too many/],
  ['no identities', { to: [{ ...one, identities: [] }] }, /spec\.to\[0\]\.identities: .*at least 1/],
  ['an unknown field', { to: [one], from: 'x' }, /unknown field "spec\.from"/],
];

const REFUSED_POLICIES: readonly Refused[] = [
  ['no spec', undefined, /spec: Required/],
  ['no order', {}, /spec\.order: Required/],
  ['an empty order', { order: [] }, /spec\.order: .*at least 1/],
  ['too long an order', { order: names(65).map((cluster) => ({ cluster })) }, /spec\.order: Too many: 65/],
  ['a place without a name', { order: [{}] }, /spec\.order\[0\]: .*exactly one of cluster, network and region/],
  [
    'a place with two names',
    { order: [one, { cluster: 'a', region: 'b' }] },
    /spec\.order\[1\]: .*exactly one of cluster, network and region/,
  ],
  ['a place twice', { order: [one, { region: 'eu' }, one] }, /spec\.order: .*names a place twice/],
  ['a bad cluster', { order: [{ cluster: '-a' }] }, /spec\.order\[0\]\.cluster: .*should match/],
  ['a bad network', { order: [{ network: 'a.b' }] }, /spec\.order\[0\]\.network: .*should match/],
  ['a bad region', { order: [{ region: '' }] }, /spec\.order\[0\]\.region: .*should match/],
  ['a long region', { order: [{ region: long }] }, /spec\.order\[0\]\.region: Too long/],
  ['a long network', { order: [{ network: long }] }, /spec\.order\[0\]\.network: Too long/],
  ['a long cluster', { order: [{ cluster: long }] }, /spec\.order\[0\]\.cluster: Too long/],
  ['another word for the rest', { order: [one], rest: 'maybe' }, /spec\.rest: Unsupported value: "maybe"/],
  ['no services', { services: [], order: [one] }, /spec\.services: .*at least 1/],
  ['too many services', { services: names(257), order: [one] }, /spec\.services: Too many: 257/],
  ['a service twice', { services: ['a', 'a'], order: [one] }, /spec\.services\[1\]: Duplicate/],
  ['a service of another namespace', { services: ['bank/cart'], order: [one] }, /spec\.services\[0\]: .*should match/],
  ['an unknown field', { order: [one], service: 'a' }, /unknown field "spec\.service"/],
  ['an unknown field of a place', { order: [{ zone: 'a' }] }, /unknown field "spec\.order\[0\]\.zone"/],
];

const pin = { namespace: 'a', clusters: ['west'] };
const REFUSED_CLUSTER_SETS: readonly Refused[] = [
  ['too many imports', { imports: names(5_001) }, /spec\.imports: Too many: 5001/],
  ['an import twice', { imports: ['a', 'b', 'a'] }, /spec\.imports\[2\]: Duplicate/],
  ['an import of three parts', { imports: ['a/b/c'] }, /spec\.imports\[0\]: .*should match/],
  ['an import that is too long', { imports: [`${long}/${long}`] }, /spec\.imports\[0\]: Too long/],
  ['an empty import', { imports: [''] }, /spec\.imports\[0\]: .*should match/],
  ['no pins', { importPins: [] }, /spec\.importPins: .*at least 1/],
  ['too many pins', { importPins: names(1_001).map((name) => ({ ...pin, namespace: name })) }, /importPins: Too many/],
  ['a namespace pinned twice', { importPins: [pin, pin] }, /spec\.importPins\[1\]: Duplicate/],
  ['a pin without a namespace', { importPins: [{ clusters: ['a'] }] }, /spec\.importPins\[0\]\.namespace: Required/],
  ['a pin without clusters', { importPins: [{ namespace: 'a' }] }, /spec\.importPins\[0\]\.clusters: Required/],
  ['a pin to nobody', { importPins: [{ ...pin, clusters: [] }] }, /spec\.importPins\[0\]\.clusters: .*at least 1/],
  ['a pin to a cluster twice', { importPins: [{ ...pin, clusters: ['a', 'a'] }] }, /clusters\[1\]: Duplicate/],
  ['a pin to too many', { importPins: [{ ...pin, clusters: names(1_001) }] }, /importPins\[0\]\.clusters: Too many/],
  ['a pin to a bad name', { importPins: [{ ...pin, clusters: ['A'] }] }, /importPins\[0\]\.clusters\[0\]: .*match/],
  ['a pin of a bad namespace', { importPins: [{ ...pin, namespace: 'a/b' }] }, /importPins\[0\]\.namespace: .*match/],
  ['an unknown field', { pins: [] }, /unknown field "spec\.pins"/],
];

describe('the own kinds', () => {
  let server: KubeServer;
  before(async () => {
    server = await startKubeServer({ name: 'kinds' });
    await installCrds(server);
    await server.admin.create(NAMESPACES, namespace(NS));
  });
  after(() => server[Symbol.asyncDispose]());

  /** As kubectl sends it: unknown fields are errors. */
  async function create(resource: Resource, name: string, spec: unknown): Promise<{ status: number; message: string }> {
    const where = resource.scope === 'Namespaced' ? { namespace: NS } : {};
    const answer = await server.admin.raw({
      method: 'POST',
      path: pathOf(resource, where),
      query: { fieldValidation: 'Strict' },
      body: { apiVersion: apiVersionOf(resource), kind: resource.kind, metadata: { name, ...where }, spec },
    });
    const message = JSON.stringify(answer.body);
    if (answer.status === 201) await server.admin.delete(resource, { ...where, name });
    return { status: answer.status, message };
  }

  for (const [at, [resource, name, spec]] of GOOD.entries()) {
    it(`the server takes the ${resource.kind} ${name} (${at})`, async () => {
      const { status, message } = await create(resource, name, spec);
      assert.equal(status, 201, message.slice(0, 2_000));
    });
  }

  for (const [resource, name, table] of [
    [EXPORT_GRANTS, 'g', REFUSED_GRANTS],
    [FAILOVER_POLICIES, 'p', REFUSED_POLICIES],
    [CLUSTER_SETS, 'default', REFUSED_CLUSTER_SETS],
  ] as const) {
    for (const [what, spec, field] of table) {
      it(`a ${resource.kind} with ${what} is refused, and the answer names the field`, async () => {
        const { status, message } = await create(resource, name, spec);
        assert.ok(status === 422 || status === 400, `${status} ${message.slice(0, 500)}`);
        assert.match(JSON.parse(message).message, field);
      });
    }
  }

  it('there is one ClusterSet, and the answer says its name', async () => {
    const { status, message } = await create(CLUSTER_SETS, 'other', {});
    assert.equal(status, 422);
    assert.match(message, /metadata\.name: a cluster has one ClusterSet, named default/);
  });

  it('an object that was good is not made bad by a change', async () => {
    const where = { namespace: NS, name: 'changed' };
    await server.admin.create(FAILOVER_POLICIES, { metadata: where, spec: { order: [one] } } as KubeObject);
    const bad = { type: 'merge', body: { spec: { order: [{ cluster: 'a', network: 'b' }] } } } as const;
    await assert.rejects(server.admin.patch(FAILOVER_POLICIES, where, bad), { status: 422 });
    const kept = await server.admin.get<KubeObject & { spec: Spec }>(FAILOVER_POLICIES, where);
    assert.deepEqual(kept?.spec, { order: [one], rest: 'allow' });
    await server.admin.delete(FAILOVER_POLICIES, where);
  });

  async function told(resource: Resource, object: KubeObject, statusOf: (made: KubeObject) => DesiredStatus) {
    const made = await server.admin.create(resource, object);
    const status = statusToWrite(statusOf(made), made, NOW_MS);
    assert.ok(status !== undefined);
    const written = await server.admin.patchStatus<KubeObject & { status: unknown }>(resource, made.metadata, status);
    // Nothing of it was pruned: the schema knows every field that we write.
    assert.deepEqual(written.status, JSON.parse(JSON.stringify(status)));
  }

  async function kubectl(...args: readonly string[]): Promise<readonly string[][]> {
    const [command, ...first] = kubeCommand('kubectl');
    const { stdout } = await promisify(execFile)(command, [...first, '--kubeconfig', server.kubeconfig, ...args]);
    const [head = '', ...rows] = stdout.trimEnd().split('\n');
    return [head, ...rows].map((line) => line.trim().split(/ {2,}/));
  }

  it('kubectl shows a ClusterSet with its clusterset in one line', async () => {
    await told(CLUSTER_SETS, { metadata: { name: 'default' }, spec: {} } as KubeObject, (made) =>
      clusterSetStatus({
        generation: made.metadata.generation,
        read: readClusterSet(made),
        clusterset: 'prod.example.org',
        cluster: 'east',
        roster: 7,
        members: { active: 3, quarantined: 0, removed: 1, live: 2 },
        services: { exported: 4, imported: 9 },
        known: new Set(['east']),
        programming: { kind: 'done' },
        standing: { kind: 'ready' },
      }),
    );
    const [head, row] = await kubectl('get', 'cset');
    assert.deepEqual(head, ['NAME', 'CLUSTERSET', 'CLUSTER', 'MEMBERS', 'LIVE', 'IMPORTED', 'READY', 'AGE']);
    assert.deepEqual(row?.slice(0, -1), ['default', 'prod.example.org', 'east', '3', '2', '9', 'True']);
  });

  it('kubectl shows a Peer with its verdict', async () => {
    await told(PEERS, { metadata: { name: 'west' } }, (made) =>
      peerStatus({
        generation: made.metadata.generation,
        membership: 'active',
        verdict: 'Stale',
        reason: 'HeadStale',
        message: 'no new head has come',
        since: '2026-11-24T11:59:00Z',
        serving: true,
        network: 'net-west',
        region: 'eu',
        zone: 'a',
        softwareVersion: '0.2.0',
        addresses: ['203.0.113.7:15443'],
        gateways: 1,
        services: 12,
        head: { incarnation: 1, epoch: 4 },
        rejected: 'its signature is wrong',
      }),
    );
    const [head, row] = await kubectl('get', 'peers', '-o', 'wide');
    const columns = [
      'NAME',
      'VERDICT',
      'NETWORK',
      'GATEWAYS',
      'SERVICES',
      'READY',
      'REASON',
      'SINCE',
      'VERSION',
      'AGE',
    ];
    assert.deepEqual(head, columns);
    assert.deepEqual(row?.slice(0, 7), ['west', 'Stale', 'net-west', '1', '12', 'True', 'HeadStale']);
  });

  it('kubectl shows an ExportGrant with whether it is in force', async () => {
    const metadata = { name: 'g', namespace: NS };
    const spec = { services: ['cart'], to: [{ cluster: 'west', namespaces: ['a'] }] };
    await told(EXPORT_GRANTS, { metadata, spec } as KubeObject, (made) =>
      grantStatus({
        generation: made.metadata.generation,
        read: readExportGrant(made),
        grant: projectGrant(made),
        members: new Set(['west']),
        exports: new Set(['cart']),
        programming: { kind: 'pending' },
      }),
    );
    const [head, row] = await kubectl('get', 'xgrant', '-n', NS);
    assert.deepEqual(head, ['NAME', 'CLUSTERS', 'EXPORTS', 'ACCEPTED', 'PROGRAMMED', 'AGE']);
    assert.deepEqual(row?.slice(0, -1), ['g', '0', '1', 'False', 'False']);
  });

  it('kubectl shows a FailoverPolicy with its conflict, and all kinds together by their category', async () => {
    const metadata = { name: 'p', namespace: NS };
    await told(FAILOVER_POLICIES, { metadata, spec: { order: [one] } } as KubeObject, (made) =>
      policyStatus({
        generation: made.metadata.generation,
        read: readFailoverPolicy(made),
        verdict: NO_VERDICT,
        places: { clusters: new Set(), networks: new Set(), regions: new Set() },
        services: new Set(),
        namedElsewhere: new Set(),
        programming: { kind: 'no-gateway' },
      }),
    );
    const [head, row] = await kubectl('get', 'fop', '-n', NS);
    assert.deepEqual(head, ['NAME', 'SERVICES', 'ACCEPTED', 'CONFLICT', 'PROGRAMMED', 'AGE']);
    assert.deepEqual(row?.slice(0, -1), ['p', '0', 'False', 'False', 'False']);
    const all = await kubectl('get', 'isthmus', '-n', NS, '-o', 'name');
    const expected = ['clusterset.isthmus.dev/default', 'exportgrant.isthmus.dev/g', 'failoverpolicy.isthmus.dev/p'];
    for (const name of expected) assert.ok(all.flat().includes(name), `${name} in ${all.flat().join()}`);
  });
});
