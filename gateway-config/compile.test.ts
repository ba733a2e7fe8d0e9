import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { compile } from './compile.ts';
import type { CompileInput } from './compile-input.ts';
import type { EgressIR, GatewayIR } from './ir.ts';
import { VoidToken } from './ir.ts';
import type { LocalScenario, PeerScenario, Scenario } from './testing/scenario.fixture.ts';
import { compileInputOf } from './testing/scenario.fixture.ts';

const FRAME = {
  domain: 'mesh.example',
  anchors: { b: ['QUFB'], c: ['QkJC', 'Q0ND'] },
  voidToken: new VoidToken('token'),
};
const POD = { address: '10.0.0.1', ports: { 80: 8080, 5432: 5432 }, ready: true };
const WEB: LocalScenario = { ports: ['80 http web'], endpoints: [POD] };
const DB: LocalScenario = { ports: ['5432 tcp pg'], endpoints: [POD] };

function peer(ready: number, change: Partial<PeerScenario> = {}): PeerScenario {
  return {
    network: 'net-x',
    gateways: [{ host: '192.0.2.1' }],
    services: {
      'shop/web': { ports: ['80 http web'], ready: { 80: ready } },
      'shop/db': { ports: ['5432 tcp pg'], ready: { 5432: ready } },
    },
    ...change,
  };
}

const BASE: Scenario = {
  site: { cluster: 'a', network: 'net-a' },
  local: { 'shop/web': WEB, 'shop/db': DB },
  peers: { b: peer(3), c: peer(1) },
};

function inputOf(change: Partial<Scenario> = {}): CompileInput {
  return compileInputOf({ ...BASE, ...change }, FRAME);
}

function irOf(change: Partial<Scenario> = {}): GatewayIR {
  return compile(inputOf(change));
}

function egressOf(ir: GatewayIR, service: string): EgressIR {
  return ir.egress.find((item) => item.service === service) ?? assert.fail(`${service} is not imported`);
}

function clustersOf(egress: EgressIR): string[] {
  return egress.tiers.flat().map(({ cluster }) => cluster);
}

describe('who is a peer', () => {
  test('a member is one from its place in the roster on, before it has published anything', () => {
    const [b] = irOf({ peers: { b: {} } }).peers;
    assert.equal(b?.identity, 'spiffe://b.mesh.example/gateway/default');
    assert.equal(b.anchorsPem, '-----BEGIN CERTIFICATE-----\nQUFB\n-----END CERTIFICATE-----\n');
    assert.deepEqual(b.gateways, []);
  });

  test('both certificates of a CA rotation are anchors', () => {
    const [c] = irOf({ peers: { c: {} } }).peers;
    assert.equal(c?.anchorsPem.match(/BEGIN/g)?.length, 2);
  });

  for (const status of ['quarantined', 'removed'] as const) {
    test(`a ${status} member is nobody, whatever it has published, and its table is empty`, () => {
      const ir = irOf({ peers: { b: peer(3, { status }), c: peer(1) } });
      assert.deepEqual(
        ir.peers.map(({ cluster }) => cluster),
        ['c'],
      );
      assert.deepEqual(clustersOf(egressOf(ir, 'shop/web:80')), ['c']);
      assert.deepEqual(egressOf(ir, 'shop/db:5432').carriers, ['c']);
      assert.deepEqual(
        ir.ingress.find(({ caller }) => caller === 'b'),
        { caller: 'b', http: [], tcp: [] },
      );
    });
  }

  test('draining gateways, those of weight 0 and unresolved names are left out; no address is listed twice', () => {
    const gateways = [
      { host: '192.0.2.9', draining: true },
      { host: '192.0.2.8', weight: 0 },
      { host: 'gone.example' },
      { host: 'two.example' },
      { host: '192.0.2.2' },
    ];
    const addresses = { 'two.example': ['192.0.2.3', '192.0.2.2'] };
    const ir = irOf({ peers: { b: peer(3, { gateways }) }, addresses });
    assert.deepEqual(
      ir.peers[0]?.gateways.map(({ address }) => address),
      ['192.0.2.2', '192.0.2.3'],
    );
  });
});

describe('where traffic may go', () => {
  test('a peer without gateways gets none', () => {
    const ir = irOf({ peers: { b: peer(3, { gateways: [] }), c: peer(1) } });
    assert.deepEqual(clustersOf(egressOf(ir, 'shop/web:80')), ['c']);
  });

  test('a peer that does not grant the service to us gets none', () => {
    const services = { 'shop/web': { ports: ['80 http web'], ready: { 80: 1 }, grantedTo: ['c'] } };
    assert.deepEqual(clustersOf(egressOf(irOf({ peers: { b: peer(3, { services }) } }), 'shop/web:80')), []);
  });

  test('a peer that is gone gets none, but a TCP service stays prepared for it', () => {
    const egress = egressOf(irOf({ peers: { b: peer(3, { state: 'gone' }), c: peer(1) } }), 'shop/db:5432');
    assert.deepEqual([clustersOf(egress), egress.carriers], [['c'], ['b', 'c']]);
  });

  test('own pods serve only what this cluster exports', () => {
    const ir = irOf({ local: { 'shop/web': { ...WEB, exported: false } } });
    assert.deepEqual(egressOf(ir, 'shop/web:80').local, []);
    assert.deepEqual(ir.exports, []);
  });

  test('an own pod that fails its check leaves the egress and stays with the Envoy that checks it', () => {
    const ir = irOf({ unhealthy: ['shop/web:80|10.0.0.1:8080'] });
    assert.deepEqual(egressOf(ir, 'shop/web:80').local, []);
    assert.equal(egressOf(ir, 'shop/db:5432').local.length, 1);
    assert.equal(ir.exports.find(({ service }) => service === 'shop/web:80')?.endpoints.length, 1);
  });

  test('own pods are spoken to as they speak, whatever kind of HTTP the oldest export names', () => {
    const grpc: LocalScenario = { ports: ['80 grpc web'], endpoints: [POD], exportedAtMs: 2e12 };
    const ir = irOf({ local: { 'shop/web': grpc } });
    assert.equal(egressOf(ir, 'shop/web:80').protocol, 'grpc');
    assert.equal(ir.exports[0]?.protocol, 'grpc');
  });

  test('a port that means something else here is supplied neither to own workloads nor to others', () => {
    const younger: LocalScenario = {
      ports: ['8080 http web'],
      endpoints: [{ ...POD, ports: { 8080: 1 } }],
      exportedAtMs: 2e12,
    };
    const ir = irOf({ local: { 'shop/web': younger } });
    assert.deepEqual(ir.exports, []);
    assert.deepEqual(egressOf(ir, 'shop/web:80').local, []);
  });
});

describe('an explicit order', () => {
  const order = ['cluster c', 'cluster a', 'cluster b'];

  test('of a service holds for its ports alone', () => {
    const ir = irOf({ failover: { 'shop/web': order } });
    const web = egressOf(ir, 'shop/web:80');
    assert.deepEqual([clustersOf(web), web.tiers.length, web.localAfter], [['c', 'b'], 2, 1]);
    const db = egressOf(ir, 'shop/db:5432');
    assert.deepEqual([clustersOf(db), db.tiers.length, db.localAfter], [['b', 'c'], 1, undefined]);
  });

  test('of a namespace holds where a service has none of its own', () => {
    const ir = irOf({ failover: { shop: ['cluster b'], 'shop/web': ['cluster c'] } });
    assert.deepEqual(clustersOf(egressOf(ir, 'shop/web:80')), ['c', 'b']);
    assert.deepEqual(egressOf(ir, 'shop/db:5432').tiers.length, 2);
    assert.deepEqual(clustersOf(egressOf(ir, 'shop/db:5432')), ['b', 'c']);
  });

  for (const key of ['shop', 'shop/web']) {
    test(`given to ${key} and taken away again, it edits what it holds for and gives the same as from nothing`, () => {
      const plain = inputOf();
      const first = compile(plain);
      // The same values but for the order, as the controller hands them in.
      const { failover } = inputOf({ failover: { [key]: order } });
      const ordered = { ...plain, failover };
      const second = compile(ordered, first);
      assert.deepEqual(second.egress, compile({ ...ordered }).egress);
      assert.notEqual(egressOf(second, 'shop/web:80'), egressOf(first, 'shop/web:80'));
      assert.equal(egressOf(second, 'shop/db:5432') === egressOf(first, 'shop/db:5432'), key === 'shop/web');
      assert.deepEqual(compile(plain, second).egress, first.egress);
    });
  }
});

describe('grants', () => {
  test('hold for the named callers only, and leave everything else open', () => {
    const ir = irOf({ local: { 'shop/web': { ...WEB, grantedTo: ['c'] }, 'shop/db': DB } });
    assert.deepEqual(ir.ingress, [
      { caller: 'b', http: [], tcp: ['shop/db:5432'] },
      { caller: 'c', http: ['shop/web:80'], tcp: ['shop/db:5432'] },
    ]);
  });

  test('to nobody is not to everybody', () => {
    const ir = irOf({ local: { 'shop/web': { ...WEB, grantedTo: [] } } });
    assert.deepEqual(
      ir.ingress.map(({ http }) => http),
      [[], []],
    );
  });

  test("are the exporter's own word: an older export elsewhere does not widen them", () => {
    const services = { 'shop/web': { ports: ['80 http web'], ready: { 80: 1 }, exportedAtMs: 1 } };
    const ir = irOf({
      local: { 'shop/web': { ...WEB, grantedTo: ['c'] } },
      peers: { b: peer(1, { services }), c: peer(1) },
    });
    assert.deepEqual(ir.ingress.find(({ caller }) => caller === 'b')?.http, []);
  });
});

describe('what did not change keeps its identity', () => {
  test('the same knowledge, learnt anew, gives the same IR', () => {
    const before = irOf();
    assert.equal(compile({ ...inputOf(), site: inputOf().site }, before), before);
  });

  test('the shortcut by identity and a fresh compilation agree on every change', () => {
    const changes: readonly Partial<Scenario>[] = [
      { peers: { b: peer(2), c: peer(1) } },
      { peers: { b: peer(3, { state: 'standby' }), c: peer(1) } },
      { peers: { b: peer(3, { state: 'gone' }), c: peer(1) } },
      { peers: { b: peer(3, { status: 'quarantined' }), c: peer(1) } },
      { peers: { b: peer(3, { services: {} }), c: peer(1) } },
      { peers: { b: peer(3, { gateways: [{ host: '192.0.2.7' }] }), c: peer(1) } },
      { local: { 'shop/web': WEB } },
      { local: { 'shop/web': { ...WEB, endpoints: [] }, 'shop/db': DB } },
      { local: { 'shop/web': { ...WEB, grantedTo: ['b'] }, 'shop/db': DB } },
      { unhealthy: ['shop/web:80|10.0.0.1:8080'] },
      { ports: { 'shop/web:80': 21_000 } },
      {},
    ];
    let last = irOf();
    for (const change of changes) {
      // As the controller does: one site object, and inputs that are the same where nothing changed.
      const input = inputOf(change);
      last = compile(input, last);
      assert.deepEqual(last, compile(input), JSON.stringify(change));
    }
  });

  test('a change of one service leaves the others, the peers and the tables alone', () => {
    const first = inputOf();
    const before = compile(first);
    const web = first.local.services.get(before.exports.length > 0 ? ('shop/web' as never) : ('' as never));
    assert.ok(web !== undefined);
    const services = new Map(first.local.services).set(web.key, {
      ...web,
      endpoints: [{ ...POD, address: '10.0.0.2' }],
    });
    const after = compile({ ...first, local: { services } }, before);
    assert.notEqual(egressOf(after, 'shop/web:80'), egressOf(before, 'shop/web:80'));
    assert.equal(egressOf(after, 'shop/db:5432'), egressOf(before, 'shop/db:5432'));
    assert.equal(after.peers, before.peers);
    assert.equal(after.ingress, before.ingress);
    assert.notEqual(after.exports, before.exports);
  });

  test('a turned check touches its own service only', () => {
    const first = inputOf();
    const before = compile(first);
    const after = compile({ ...first, unhealthy: new Set(['shop/web:80|10.0.0.1:8080']) }, before);
    assert.deepEqual(egressOf(after, 'shop/web:80').local, []);
    assert.equal(egressOf(after, 'shop/db:5432'), egressOf(before, 'shop/db:5432'));
    assert.equal(after.exports, before.exports);
    const again = compile({ ...first, unhealthy: new Set() }, after);
    assert.deepEqual(again, before);
  });
});

test('the void token shows in no text form of the IR', () => {
  assert.doesNotMatch(JSON.stringify(irOf()), /"token"/);
});
