import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { clusterSetIp, endpoint, headless, keyOf, SHOP, zoneOf } from './testing/services.fixture.ts';
import { emptyZone, lookUp, lookUpName, withServices, type Zone } from './zone.ts';
import type { ZoneService } from './zone-service.ts';

describe('the zone', () => {
  it('is the same when nothing changes', () => {
    const web = SHOP.services.get(keyOf('shop/web'))?.of;
    assert.equal(withServices(SHOP, [[keyOf('shop/web'), web]]), SHOP);
    assert.equal(withServices(SHOP, [[keyOf('shop/unheard-of'), undefined]]), SHOP);
  });

  it('makes anew only what changes, and says so in its serial', () => {
    const changed = withServices(SHOP, [[keyOf('shop/web'), clusterSetIp('shop/web', ['10.96.1.2'])]]);
    assert.equal(changed.serial, SHOP.serial + 1);
    assert.equal(changed.services.get(keyOf('shop/db')), SHOP.services.get(keyOf('shop/db')));
    assert.deepEqual(lookUpName(changed, 'web.shop.svc.clusterset.local')?.A, ['10.96.1.2']);
    assert.deepEqual(lookUpName(SHOP, 'web.shop.svc.clusterset.local')?.A, ['10.96.1.1']);
  });

  it('counts its serial round', () => {
    const last = { ...emptyZone(), serial: 2 ** 32 - 1 };
    assert.equal(withServices(last, [[keyOf('a/b'), clusterSetIp('a/b', [])]]).serial, 0);
  });

  it('forgets a namespace with the last name in it', () => {
    const zone = zoneOf(headless('shop/db', [endpoint('east', '10.0.0.1')]));
    assert.notEqual(lookUp(zone, ['shop', 'svc']), undefined);
    const asleep = withServices(zone, [[keyOf('shop/db'), headless('shop/db', [])]]);
    assert.equal(lookUp(asleep, ['shop', 'svc']), undefined);
    const gone = withServices(asleep, [[keyOf('shop/db'), undefined]]);
    assert.deepEqual(gone.services.size, 0);
  });

  it('is the same for every order and history of changes that ends alike, and has each name above a name', () => {
    const service = fc
      .record({
        key: fc.constantFrom('a/x', 'a/y', 'b/x'),
        ips: fc.subarray(['10.0.0.1', '10.0.0.2', 'fd00::1']),
        hosts: fc.array(fc.constantFrom('p0', 'p1', undefined), { maxLength: 3 }),
        kind: fc.constantFrom('ip', 'headless', 'gone'),
      })
      .map(({ key, ips, hosts, kind }): readonly [string, ZoneService | undefined] => {
        if (kind === 'gone') return [key, undefined];
        const endpoints = hosts.map((host, index) => endpoint(index === 0 ? 'east' : 'west', `10.1.0.${index}`, host));
        return [key, kind === 'ip' ? clusterSetIp(key, ips) : headless(key, endpoints)];
      });
    fc.assert(
      fc.property(fc.array(service, { maxLength: 8 }), (history) => {
        let zone = emptyZone();
        for (const [key, value] of history) zone = withServices(zone, [[keyOf(key), value]]);
        const end = new Map(history);
        const atOnce = withServices(
          emptyZone(),
          [...end].toReversed().map(([key, value]) => [keyOf(key), value] as const),
        );
        assert.deepEqual(namesOf(zone), namesOf(atOnce));
        assert.deepEqual(zone.namespaces, atOnce.namespaces);
        for (const name of namesOf(zone).keys()) {
          for (let above = name; above !== ''; above = above.split('.').slice(1).join('.')) {
            assert.notEqual(lookUp(zone, above.split('.')), undefined, `${above} above ${name}`);
          }
        }
      }),
      { numRuns: 200 },
    );
  });
});

function namesOf(zone: Zone): Map<string, unknown> {
  const names = new Map<string, unknown>();
  for (const key of [...zone.services.keys()].toSorted()) {
    const [namespace, name] = key.split('/');
    for (const [below, records] of zone.services.get(key)?.names ?? []) {
      names.set(`${below === '' ? '' : `${below}.`}${name}.${namespace}.svc`, records);
    }
  }
  return names;
}
