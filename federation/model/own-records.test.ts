import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { viewOfRecords } from './cluster-view.ts';
import { parseNetworkId, serviceKey } from './ids.ts';
import type { LocalEndpoint, LocalService } from './local.ts';
import type { OwnInput } from './own-records.ts';
import { buildOwnRecords, endpointHealthKey, planOwnRecords } from './own-records.ts';
import type { ReadyWeight, RecordSet, ServiceRecord } from './records.ts';
import { DEFAULT_RECORD_LIMITS } from './records.ts';
import { exampleChain, exampleGateway, exampleHead, exampleService, HTTP_PORT } from './testing/records.fixture.ts';

const ADMIN = { name: 'admin', protocol: 'TCP', port: 81, appProtocol: 'tcp' } as const;

function endpoint(address: string, fields: Partial<LocalEndpoint> = {}): LocalEndpoint {
  return { address, ports: { 80: 8080 }, ready: true, ...fields };
}

function local(fields: Partial<LocalService> = {}): LocalService {
  const { kind: _, ready: __, ...rest } = exampleService();
  const service = { ...rest, exported: true, endpoints: [endpoint('10.0.0.1')], ...fields };
  return { ...service, key: serviceKey(service.namespace, service.name) };
}

function input(services: readonly LocalService[], fields: Partial<OwnInput> = {}): OwnInput {
  return {
    site: { network: parseNetworkId('net-west'), region: 'eu', zone: 'eu-1', softwareVersion: '0.1.0' },
    gateways: [exampleGateway()],
    local: { services: new Map(services.map((service) => [service.key, service])) },
    unhealthy: new Set(),
    chain: exampleChain(),
    ...fields,
  };
}

function servicesOf(records: RecordSet): readonly ServiceRecord[] {
  const view = viewOfRecords({ head: exampleHead(), joinedAtMs: 0, records, limits: DEFAULT_RECORD_LIMITS });
  assert.ok(view.ok, JSON.stringify(view));
  return [...view.value.services.values()];
}

function readyOf(...args: Parameters<typeof input>): readonly ReadyWeight[] {
  return servicesOf(buildOwnRecords(input(...args)))[0]?.ready ?? [];
}

describe('own records', () => {
  it('are the cluster, its gateways, its chain and the exported services, all readable by the readers', () => {
    const records = buildOwnRecords(
      input([local(), local({ name: 'cart' }), local({ name: 'secret', exported: false })]),
    );
    assert.deepEqual(
      [...records.keys()].map((key) => key.replace(/^chain\/[0-9a-f]{64}$/, 'chain/HASH')),
      ['cluster', 'gateway/gw-1', 'chain/HASH', 'service/default/cart', 'service/default/shop'],
    );
    assert.deepEqual(
      servicesOf(records).map(({ name }) => name),
      ['cart', 'shop'],
    );
  });

  it('never contain an address of a pod or a service that is not exported', () => {
    const services = [local({ endpoints: [endpoint('10.7.7.7')] }), local({ name: 'hidden', exported: false })];
    const text = [...buildOwnRecords(input(services)).values()].map((bytes) => new TextDecoder().decode(bytes)).join();
    assert.ok(text.includes('shop'));
    assert.ok(!text.includes('10.7.7.7') && !text.includes('8080') && !text.includes('hidden'));
  });

  it('count ready endpoints per port and zone, the zone of the site where the endpoint names none', () => {
    const both = { 80: 8080, 81: 9090 };
    const endpoints = [
      endpoint('10.0.0.1', { ports: both }),
      endpoint('10.0.0.2', { zone: 'eu-2' }),
      endpoint('10.0.0.3', { zone: 'eu-2', ready: false }),
      endpoint('10.0.0.4'),
    ];
    assert.deepEqual(readyOf([local({ ports: [HTTP_PORT, ADMIN], endpoints })]), [
      { port: 80, region: 'eu', zone: 'eu-1', ready: 2 },
      { port: 80, region: 'eu', zone: 'eu-2', ready: 1 },
      { port: 81, region: 'eu', zone: 'eu-1', ready: 1 },
    ]);
  });

  it('leave out an endpoint whose check failed, of IPv4 and IPv6 alike, on that port alone', () => {
    const service = local({
      ports: [HTTP_PORT, ADMIN],
      endpoints: [endpoint('10.0.0.1', { ports: { 80: 8080, 81: 9090 } }), endpoint('fd00::2')],
    });
    const unhealthy = new Set([
      endpointHealthKey(service.key, 80, '10.0.0.1', 8080),
      endpointHealthKey(service.key, 80, 'fd00::2', 8080),
      endpointHealthKey(serviceKey('default', 'other'), 81, '10.0.0.1', 9090),
    ]);
    assert.deepEqual(readyOf([service], { unhealthy }), [{ port: 81, region: 'eu', zone: 'eu-1', ready: 1 }]);
  });

  it('go on naming a service without a ready endpoint: unavailable is not withdrawn', () => {
    assert.deepEqual(readyOf([local({ endpoints: [] })]), []);
    assert.equal(servicesOf(buildOwnRecords(input([local({ endpoints: [] })]))).length, 1);
  });

  it('keep the bytes that did not change by identity, and the whole set when none did', () => {
    const before = buildOwnRecords(input([local(), local({ name: 'cart' })]));
    assert.equal(buildOwnRecords(input([local(), local({ name: 'cart' })]), before), before);
    const after = buildOwnRecords(input([local({ endpoints: [] }), local({ name: 'cart' })]), before);
    assert.equal(after.get('service/default/cart'), before.get('service/default/cart'));
    assert.equal(after.get('cluster'), before.get('cluster'));
    assert.notEqual(after.get('service/default/shop'), before.get('service/default/shop'));
  });

  it('leave out an export that readers would refuse, and say so, instead of losing all exports', () => {
    const huge = local({ name: 'huge', annotations: { note: 'x'.repeat(20_000) } });
    const plan = planOwnRecords(input([local(), huge]));
    assert.deepEqual(
      servicesOf(plan.records).map(({ name }) => name),
      ['shop'],
    );
    assert.equal(plan.findings[0]?.reason, 'InvalidRecord');
    assert.match(plan.findings[0]?.message ?? '', /^not published: record "service\/default\/huge": annotations/);
  });
});

describe('planOwnRecords with a previous plan', () => {
  const services = [local(), local({ name: 'cart' })];
  const before = planOwnRecords(input(services));

  it('gives the same records as without, whatever changed', () => {
    const changes: readonly OwnInput[] = [
      input(services),
      input([local({ endpoints: [] }), ...services.slice(1)]),
      input(services.slice(1)),
      input(services, { unhealthy: new Set([endpointHealthKey(serviceKey('default', 'shop'), 80, '10.0.0.1', 8080)]) }),
      input(services, { site: { network: parseNetworkId('net-west'), zone: 'eu-9', softwareVersion: '0.1.0' } }),
      input(services, { gateways: [], chain: exampleChain(['BBBB']) }),
    ];
    for (const changed of changes) {
      assert.deepEqual(planOwnRecords(changed, before).records, planOwnRecords(changed).records);
    }
  });

  it('remembers a failed check no longer than it is reported', () => {
    const failed = new Set([endpointHealthKey(serviceKey('default', 'shop'), 80, '10.0.0.1', 8080)]);
    const down = planOwnRecords(input(services, { unhealthy: failed }), before);
    assert.notDeepEqual(down.records, before.records);
    assert.deepEqual(planOwnRecords(input(services), down).records, before.records);
  });

  it('encodes again only what changed', () => {
    const after = planOwnRecords(input([local({ endpoints: [] }), ...services.slice(1)]), before);
    const cart = serviceKey('default', 'cart');
    assert.equal(after.sources.get(cart)?.record, before.sources.get(cart)?.record);
    assert.equal(planOwnRecords(input(services), before).records, before.records);
  });
});
