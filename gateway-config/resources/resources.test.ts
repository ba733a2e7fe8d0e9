import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, test } from 'node:test';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { compile } from '../compile.ts';
import { dumpSnapshot, resourceJson } from '../dump.ts';
import { ResourceSchema } from '../gen/envoy/service/discovery/v3/discovery_pb.ts';
import type { GatewayIR } from '../ir.ts';
import { VoidToken } from '../ir.ts';
import type { Snapshot, TypeUrl } from '../snapshot.ts';
import { resourcesOf, TYPE_ORDER, TYPE_URL } from '../snapshot.ts';
import type { LocalScenario, PeerScenario, Scenario } from '../testing/scenario.fixture.ts';
import { compileInputOf } from '../testing/scenario.fixture.ts';
import { SCHEMA_OF } from './registry.ts';
import { toSnapshot } from './resources.ts';

const FRAME = {
  domain: 'mesh.example',
  anchors: { b: ['QUFB'], c: ['QkJC'] },
  voidToken: new VoidToken('secret-token'),
};
const POD = { address: '10.0.0.1', ports: { 80: 8080, 5432: 5432 }, ready: true };
const WEB: LocalScenario = { ports: ['80 http web'], endpoints: [POD] };
const DB: LocalScenario = { ports: ['5432 tcp pg'], endpoints: [POD] };

function peer(ready: number, change: Partial<PeerScenario> = {}): PeerScenario {
  const services = {
    'shop/web': { ports: ['80 http web'], ready: { 80: ready } },
    'shop/db': { ports: ['5432 tcp pg'], ready: { 5432: ready } },
  };
  return { network: 'net-x', gateways: [{ host: '192.0.2.1' }], services, ...change };
}

const BASE: Scenario = {
  site: { cluster: 'a', network: 'net-a' },
  local: { 'shop/web': WEB, 'shop/db': DB },
  peers: { b: peer(3), c: peer(1) },
};

function irOf(change: Partial<Scenario> = {}, previous?: GatewayIR): GatewayIR {
  return compile(compileInputOf({ ...BASE, ...change }, FRAME), previous);
}

/** `TYPE NAME` of every resource that differs by identity, with `-` before those that are gone. */
function changes(before: Snapshot, after: Snapshot): string[] {
  const short = (type: TypeUrl): string => type.slice(type.lastIndexOf('.') + 1);
  return TYPE_ORDER.flatMap((type) => {
    const [old, now] = [resourcesOf(before, type), resourcesOf(after, type)];
    const changed = [...now].filter(([name, resource]) => old.get(name) !== resource);
    const gone = [...old.keys()].filter((name) => !now.has(name));
    return [...changed.map(([name]) => `${short(type)} ${name}`), ...gone.map((name) => `-${short(type)} ${name}`)];
  });
}

function step(change: Partial<Scenario>, from: Partial<Scenario> = {}): string[] {
  const before = irOf(from);
  const snapshot = toSnapshot(before);
  return changes(snapshot, toSnapshot(irOf(change, before), { ir: before, snapshot }));
}

describe('a change costs what it changes', () => {
  const table: readonly { readonly what: string; readonly change: Partial<Scenario>; readonly expected: string[] }[] = [
    { what: 'nothing', change: {}, expected: [] },
    {
      what: 'ready endpoints of a peer: a route, and the endpoints of a TCP service',
      change: { peers: { b: peer(2), c: peer(1) } },
      expected: ['ClusterLoadAssignment tcp|shop/db:5432', 'RouteConfiguration egress|shop/web:80'],
    },
    {
      what: 'a peer that is gone: no cluster, no listener',
      change: { peers: { b: peer(3, { state: 'gone' }), c: peer(1) } },
      expected: ['ClusterLoadAssignment tcp|shop/db:5432', 'RouteConfiguration egress|shop/web:80'],
    },
    {
      what: 'the address of a peer’s gateway: endpoints only',
      change: { peers: { b: peer(3, { gateways: [{ host: '192.0.2.9' }] }), c: peer(1) } },
      expected: ['ClusterLoadAssignment peer|b', 'ClusterLoadAssignment tcp|shop/db:5432'],
    },
    {
      what: 'an own pod: its endpoints, for own workloads and for others',
      change: { local: { 'shop/web': { ...WEB, endpoints: [{ ...POD, address: '10.0.0.2' }] }, 'shop/db': DB } },
      expected: ['ClusterLoadAssignment export|shop/web:80', 'ClusterLoadAssignment local|shop/web:80'],
    },
    {
      what: 'the last own pod: the local cluster goes, the export stays and is empty',
      change: { local: { 'shop/web': { ...WEB, endpoints: [] }, 'shop/db': DB } },
      expected: [
        '-Cluster local|shop/web:80',
        'ClusterLoadAssignment export|shop/web:80',
        '-ClusterLoadAssignment local|shop/web:80',
        'RouteConfiguration egress|shop/web:80',
      ],
    },
    {
      what: 'a revoked grant of HTTP: one table',
      change: { local: { 'shop/web': { ...WEB, grantedTo: ['b'] }, 'shop/db': DB } },
      expected: ['RouteConfiguration in|c'],
    },
    {
      what: 'a revoked grant of TCP: the listener, whose map it is',
      change: { local: { 'shop/web': WEB, 'shop/db': { ...DB, grantedTo: ['b'] } } },
      expected: ['Listener in'],
    },
    {
      what: 'a quarantined peer: what leads there and its chains go, its table stays and is empty',
      change: { peers: { b: peer(3, { status: 'quarantined' }), c: peer(1) } },
      expected: [
        '-Secret anchor|b',
        'Cluster tcp|shop/db:5432',
        '-Cluster peer|b',
        'ClusterLoadAssignment tcp|shop/db:5432',
        '-ClusterLoadAssignment peer|b',
        'Listener in',
        'RouteConfiguration egress|shop/web:80',
        'RouteConfiguration in|b',
      ],
    },
  ];
  for (const { what, change, expected } of table) {
    test(what, () => assert.deepEqual(step(change), expected));
  }

  test('step by step and from nothing the result is the same, byte for byte', () => {
    let ir = irOf();
    let snapshot = toSnapshot(ir);
    for (const { change } of [...table, ...table.toReversed()]) {
      const next = irOf(change, ir);
      snapshot = toSnapshot(next, { ir, snapshot });
      ir = next;
      const fresh = toSnapshot(irOf(change));
      for (const type of TYPE_ORDER) assert.deepEqual([...resourcesOf(snapshot, type)], [...resourcesOf(fresh, type)]);
    }
  });

  test('an unchanged IR gives the same snapshot, an equal one the same resource maps', () => {
    const ir = irOf();
    const snapshot = toSnapshot(ir);
    assert.equal(toSnapshot(ir, { ir, snapshot }), snapshot);
    assert.equal(toSnapshot({ ...ir }, { ir, snapshot }), snapshot);
  });
});

describe('a resource', () => {
  const snapshot = toSnapshot(irOf());
  const all = TYPE_ORDER.flatMap((type) =>
    [...resourcesOf(snapshot, type).values()].map((resource) => ({ type, resource })),
  );

  test('is wrapped with its name, and its version is the hash of its bytes', () => {
    for (const { type, resource } of all) {
      const wrapped = fromBinary(ResourceSchema, resource.encoded);
      assert.deepEqual(
        [wrapped.name, wrapped.version, wrapped.resource?.typeUrl],
        [resource.name, resource.version, type],
      );
      const hash = createHash('sha256')
        .update(wrapped.resource?.value ?? assert.fail())
        .digest('hex');
      assert.equal(resource.version, hash.slice(0, 16));
    }
  });

  test('glued from fragments says what the same message in one piece says', () => {
    for (const { type, resource } of all) {
      const value = fromBinary(ResourceSchema, resource.encoded).resource?.value ?? assert.fail();
      const schema = SCHEMA_OF[type];
      const message = fromBinary(schema, value);
      assert.deepEqual(fromBinary(schema, toBinary(schema, message)), message);
      assert.ok(toBinary(schema, message).length <= value.length);
    }
    const listener =
      resourcesOf(snapshot, TYPE_URL.listener).get('in') ?? assert.fail('there is no east-west listener');
    const text = JSON.stringify(resourceJson(TYPE_URL.listener, listener));
    for (const name of ['http-b', 'tcp-b', 'http-c', 'tcp-c']) assert.match(text, new RegExp(`"name":"${name}"`));
    for (const sni of ['"b.a.mesh.example"', '"78a0474f35ff504c6e43039ab6aaedbc.c.a.mesh.example"'])
      assert.ok(text.includes(sni));
  });

  test('is listed by name', () => {
    for (const type of TYPE_ORDER) {
      const names = [...resourcesOf(snapshot, type).keys()];
      assert.deepEqual(names, names.toSorted());
    }
  });

  test('refers only to resources that are there', () => {
    const text = JSON.stringify(all.map(({ type, resource }) => resourceJson(type, resource)));
    const named = (pattern: RegExp): string[] => [...text.matchAll(pattern)].map((match) => match[1] ?? '');
    const clusters = resourcesOf(snapshot, TYPE_URL.cluster);
    for (const name of named(/"cluster":"((?:tcp|export)\|[^"]+)"/g)) assert.ok(clusters.has(name), name);
    for (const name of named(/"name":"((?:peer|local)\|[^"]+)","weight"/g)) assert.ok(clusters.has(name), name);
    for (const name of named(/"route_config_name":"([^"]+)"/g)) {
      assert.ok(resourcesOf(snapshot, TYPE_URL.route).has(name), name);
    }
    for (const name of named(/"name":"(anchor\|[^"]+)"/g))
      assert.ok(resourcesOf(snapshot, TYPE_URL.secret).has(name), name);
    assert.deepEqual([...resourcesOf(snapshot, TYPE_URL.endpoints).keys()], [...clusters.keys()]);
  });
});

test('a dump holds no secret', () => {
  const text = JSON.stringify(dumpSnapshot(toSnapshot(irOf())));
  assert.doesNotMatch(text, /secret-token/);
  assert.match(text, /\[redacted\]/);
});
