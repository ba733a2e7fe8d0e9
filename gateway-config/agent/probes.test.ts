import assert from 'node:assert/strict';
import { test } from 'node:test';
import { probeFilter, readProbes } from './probes.ts';

function host(address: string, port: number, flags: Readonly<Record<string, boolean>> = {}) {
  return {
    address: { socket_address: { address, port_value: port } },
    health_status: { eds_health_status: 'HEALTHY', ...flags },
  };
}

const VOID = { address: { envoy_internal_address: { server_listener_name: 'void' } }, health_status: {} };

function answer(clusters: Readonly<Record<string, readonly unknown[]>>): string {
  const statuses = Object.entries(clusters).map(([name, hosts]) => ({ name, host_statuses: hosts }));
  return JSON.stringify({ cluster_statuses: statuses });
}

test('a gateway is healthy when neither its check nor its ejection says otherwise; void is nobody', () => {
  const text = answer({
    'peer|west': [
      host('10.0.0.1', 15443),
      host('10.0.0.2', 15443, { failed_active_health_check: true }),
      host('10.0.0.3', 15443, { failed_outlier_check: true }),
      VOID,
    ],
    'peer|edge': [VOID],
    'local|ns/a:80': [host('10.0.0.9', 80)],
  });
  assert.deepEqual(readProbes(text, new Map()).peers, [
    { cluster: 'edge', healthy: 0, total: 0 },
    { cluster: 'west', healthy: 1, total: 3 },
  ]);
});

test('only checked exports are reported, by service and address, and ejection is not a failed check', () => {
  const key = 'a'.repeat(32);
  const text = answer({
    'export|ns/web:80': [host('10.0.0.2', 80, { failed_active_health_check: true }), host('10.0.0.1', 80)],
    'export|ns/other:80': [host('10.0.0.3', 80, { failed_active_health_check: true })],
    [key]: [host('fd00::1', 5432, { failed_outlier_check: true })],
  });
  const checked = new Map([
    ['export|ns/web:80', 'ns/web:80'],
    [key, 'ns/db:5432'],
  ]);
  assert.deepEqual(readProbes(text, checked).endpoints, [
    { service: 'ns/db:5432', endpoint: 'fd00::1:5432', healthy: true },
    { service: 'ns/web:80', endpoint: '10.0.0.1:80', healthy: true },
    { service: 'ns/web:80', endpoint: '10.0.0.2:80', healthy: false },
  ]);
});

test('an answer of another form is no probes, not a crash', () => {
  for (const text of [
    '{}',
    '[]',
    'null',
    '{"cluster_statuses":{}}',
    '{"cluster_statuses":[1,null,{"name":"peer|a"}]}',
  ]) {
    assert.deepEqual(readProbes(text, new Map()).endpoints, []);
  }
});

test('the filter asks for peers and checked exports alone, and stays short with many of them', () => {
  const few = new RegExp(probeFilter(new Map([['export|ns/web:80', 'ns/web:80']])));
  const asked = ['peer|west', 'export|ns/web:80', 'export|ns/web:8080', 'local|ns/web:80', 'tcp|ns/web:80'];
  assert.deepEqual(
    asked.map((name) => few.test(name)),
    [true, true, false, false, false],
  );
  const many = probeFilter(new Map(Array.from({ length: 5_000 }, (_, index) => [`export|ns/s${index}:80`, ''])));
  assert.ok(many.length < 200 && new RegExp(many).test('export|ns/s4999:80'));
});
