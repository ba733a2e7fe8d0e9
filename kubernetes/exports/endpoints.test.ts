import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ServicePort } from '../../federation/model/records.ts';
import { ENDPOINTS_PER_SERVICE_MAX, endpointsOf } from './endpoints.ts';
import type { SlimEndpoint, SlimSlice } from './slice-projection.ts';

const HTTP: ServicePort = { name: 'http', protocol: 'TCP', port: 80, appProtocol: 'http' };
const GRPC: ServicePort = { name: 'grpc', protocol: 'TCP', port: 90, appProtocol: 'grpc' };

function endpoint(address: string, fields: Partial<SlimEndpoint> = {}): SlimEndpoint {
  return { address, ready: true, hostname: undefined, zone: undefined, ...fields };
}

function slice(endpoints: readonly SlimEndpoint[], ports: Record<string, number> = { http: 8080 }): SlimSlice {
  const named = Object.entries(ports).map(([name, port]) => ({ name, port }));
  return { service: 'default/shop', family: 'IPv4', endpoints, ports: named };
}

function merged(slices: readonly SlimSlice[], ports: readonly ServicePort[] = [HTTP]): unknown {
  return endpointsOf(slices, { ports, families: ['IPv4'] }).endpoints;
}

test('named target ports may differ from slice to slice', () => {
  assert.deepEqual(
    merged([slice([endpoint('10.1.0.1')], { http: 8080 }), slice([endpoint('10.1.0.2')], { http: 9090 })]),
    [
      { address: '10.1.0.1', ports: { 80: 8080 }, ready: true },
      { address: '10.1.0.2', ports: { 80: 9090 }, ready: true },
    ],
  );
});

test('a slice that does not offer a port leaves it out', () => {
  assert.deepEqual(merged([slice([endpoint('10.1.0.1')], { grpc: 9000 })], [HTTP, GRPC]), [
    { address: '10.1.0.1', ports: { 90: 9000 }, ready: true },
  ]);
});

test('an endpoint that stands in two slices counts once, and is ready if it is in one of them', () => {
  const slices = [slice([endpoint('10.1.0.1', { ready: false })]), slice([endpoint('10.1.0.1', { zone: 'a' })])];
  assert.deepEqual(merged(slices), [{ address: '10.1.0.1', ports: { 80: 8080 }, ready: true, zone: 'a' }]);
});

test('a slice for each port makes one endpoint of both', () => {
  const slices = [slice([endpoint('10.1.0.1')], { http: 8080 }), slice([endpoint('10.1.0.1')], { grpc: 9000 })];
  assert.deepEqual(merged(slices, [HTTP, GRPC]), [{ address: '10.1.0.1', ports: { 80: 8080, 90: 9000 }, ready: true }]);
});

test('two pods on the network of one host are two endpoints', () => {
  const slices = [slice([endpoint('10.1.0.1')], { http: 8080 }), slice([endpoint('10.1.0.1')], { http: 8081 })];
  assert.deepEqual(merged(slices), [
    { address: '10.1.0.1', ports: { 80: 8080 }, ready: true },
    { address: '10.1.0.1', ports: { 80: 8081 }, ready: true },
  ]);
});

test('a port that only a broken twin offers is not ready for the whole endpoint', () => {
  const slices = [
    slice([endpoint('10.1.0.1')], { http: 8080 }),
    slice([endpoint('10.1.0.1', { ready: false })], { grpc: 9 }),
  ];
  assert.deepEqual(merged(slices, [HTTP, GRPC]), [
    { address: '10.1.0.1', ports: { 80: 8080 }, ready: true },
    { address: '10.1.0.1', ports: { 90: 9 }, ready: false },
  ]);
});

test('a pod with addresses of both families counts once, by the family that the Service prefers', () => {
  const four = slice([endpoint('10.1.0.1')]);
  const six: SlimSlice = { ...slice([endpoint('fd00::1')]), family: 'IPv6' };
  const addresses = (families: readonly ('IPv4' | 'IPv6')[], slices: readonly SlimSlice[]): readonly string[] =>
    endpointsOf(slices, { ports: [HTTP], families }).endpoints.map(({ address }) => address);
  assert.deepEqual(addresses(['IPv4', 'IPv6'], [six, four]), ['10.1.0.1']);
  assert.deepEqual(addresses(['IPv6', 'IPv4'], [six, four]), ['fd00::1']);
  assert.deepEqual(addresses(['IPv6', 'IPv4'], [four]), ['10.1.0.1']);
  assert.deepEqual(addresses([], [six]), ['fd00::1']);
  assert.deepEqual(addresses(['IPv4'], [slice([]), six]), ['fd00::1']);
});

test('where TCP and UDP share a number the endpoint has the port of TCP', () => {
  const tcp: ServicePort = { name: 'dns-tcp', protocol: 'TCP', port: 53, appProtocol: 'tcp' };
  const udp: ServicePort = { name: 'dns', protocol: 'UDP', port: 53, appProtocol: 'tcp' };
  const both = { dns: 5353, 'dns-tcp': 5354 };
  for (const ports of [
    [tcp, udp],
    [udp, tcp],
  ]) {
    assert.deepEqual(merged([slice([endpoint('10.1.0.1')], both)], ports), [
      { address: '10.1.0.1', ports: { 53: 5354 }, ready: true },
    ]);
    assert.deepEqual(merged([slice([endpoint('10.1.0.1')], { dns: 5353 })], ports), [
      { address: '10.1.0.1', ports: {}, ready: true },
    ]);
  }
});

test('endpoints of slices that did not change keep their identity', () => {
  const kept = slice([endpoint('10.1.0.1')]);
  const ports = [HTTP];
  const before = endpointsOf([kept, slice([endpoint('10.1.0.2')])], { ports, families: [] });
  const after = endpointsOf([kept, slice([endpoint('10.1.0.2', { ready: false })])], { ports, families: [] });
  assert.equal(after.endpoints[0], before.endpoints[0]);
  assert.notDeepEqual(after.endpoints[1], before.endpoints[1]);
});

test('a service beyond the limit keeps what fits and says how many it does not', () => {
  const endpoints = Array.from({ length: ENDPOINTS_PER_SERVICE_MAX + 3 }, (_, at) =>
    endpoint(`10.${at >> 16}.${(at >> 8) & 255}.${at & 255}`),
  );
  const found = endpointsOf([slice(endpoints)], { ports: [HTTP], families: [] });
  assert.equal(found.endpoints.length, ENDPOINTS_PER_SERVICE_MAX);
  assert.equal(found.leftOut, 3);
});
