import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import type { ServicePortKey } from '../federation/model/ids.ts';
import { serviceKey, servicePortKey } from '../federation/model/ids.ts';
import { allocatePorts, EGRESS_PORTS, wantedPorts } from './ports.ts';
import { compileInputOf } from './testing/scenario.fixture.ts';
import { VoidToken } from './ir.ts';

function keys(...names: readonly string[]): ServicePortKey[] {
  return names.map((name) => servicePortKey(serviceKey('shop', name), 80));
}

const SMALL = { first: 100, last: 104, max: 4 };
const NONE: ReadonlyMap<ServicePortKey, number> = new Map();

describe('allocatePorts', () => {
  test('does not depend on the order of what is wanted', () => {
    const wanted = keys('a', 'b', 'c', 'd', 'e', 'f');
    const { ports } = allocatePorts(NONE, wanted);
    assert.deepEqual([...allocatePorts(NONE, wanted.toReversed()).ports], [...ports]);
  });

  test('two gateway sets that never spoke agree on a lone service', () => {
    const [web] = keys('web');
    assert.ok(web !== undefined);
    const alone = allocatePorts(NONE, [web]).ports.get(web);
    assert.equal(allocatePorts(NONE, keys('web', 'other')).ports.get(web), alone);
  });

  test('a withdrawn service keeps its port until the space is needed', () => {
    const first = allocatePorts(NONE, keys('a', 'b'), SMALL).ports;
    const without = allocatePorts(first, keys('b'), SMALL).ports;
    assert.deepEqual([...without], [...first]);
    const full = allocatePorts(without, keys('b', 'c', 'd', 'e'), SMALL);
    assert.deepEqual([...full.ports.keys()], keys('b', 'c', 'd', 'e'));
    assert.equal(full.ports.get(keys('b')[0] ?? assert.fail()), first.get(keys('b')[0] ?? assert.fail()));
    assert.deepEqual(full.refused, []);
  });

  test('refuses what finds no room and displaces nobody for it', () => {
    const first = allocatePorts(NONE, keys('m', 'n', 'o', 'p'), SMALL).ports;
    const crowded = allocatePorts(first, keys('a', 'm', 'n', 'o', 'p'), SMALL);
    assert.deepEqual([...crowded.ports], [...first]);
    assert.deepEqual(crowded.refused, keys('a'));
  });

  test('what was kept is not trusted: ports outside the range or given twice are given anew', () => {
    const [a, b, c] = keys('a', 'b', 'c');
    assert.ok(a !== undefined && b !== undefined && c !== undefined);
    const { ports } = allocatePorts(
      new Map([
        [a, 100],
        [b, 100],
        [c, 99],
      ]),
      [a, b, c],
      SMALL,
    );
    assert.equal(ports.get(a), 100);
    assert.equal(new Set(ports.values()).size, 3);
    for (const port of ports.values()) assert.ok(port >= SMALL.first && port <= SMALL.last);
  });

  test('5,000 services fit at most', () => {
    const wanted = keys(...Array.from({ length: 5_001 }, (_, index) => `s${index}`));
    const { ports, refused } = allocatePorts(NONE, wanted);
    assert.deepEqual([ports.size, new Set(ports.values()).size, refused.length], [5_000, 5_000, 1]);
    for (const port of ports.values()) assert.ok(port >= EGRESS_PORTS.first && port <= EGRESS_PORTS.last);
  });

  test('nobody who stays wanted ever moves, whatever comes and goes', () => {
    const wishes = fc.array(
      fc.uniqueArray(fc.constantFrom(...keys('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h')), { maxLength: 8 }),
      {
        maxLength: 8,
      },
    );
    fc.assert(
      fc.property(wishes, (steps) => {
        let ports = NONE;
        let before: readonly ServicePortKey[] = [];
        for (const wanted of steps) {
          const next = allocatePorts(ports, wanted, SMALL);
          for (const key of wanted) {
            if (before.includes(key) && ports.has(key)) assert.equal(next.ports.get(key), ports.get(key));
          }
          assert.equal(new Set(next.ports.values()).size, next.ports.size);
          assert.ok(next.ports.size <= SMALL.max);
          ports = next.ports;
          before = wanted;
        }
      }),
      { numRuns: 200 },
    );
  });
});

test('what is imported are the TCP ports of ClusterSetIP services', () => {
  const scenario = {
    site: { cluster: 'a', network: 'net-a' },
    peers: {
      b: {
        network: 'net-b',
        services: {
          'shop/web': { ports: ['80 http web', '53 udp dns', '443 tcp tls'] },
          'shop/headless': { ports: ['80 http web'], type: 'Headless' as const },
        },
      },
    },
  };
  const { state } = compileInputOf(scenario, { domain: 'x.example', anchors: {}, voidToken: new VoidToken('x') });
  assert.deepEqual(wantedPorts(state), ['shop/web:443', 'shop/web:80']);
});
