import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EPOCH_MS_MAX } from '../../federation/model/record-schemas.ts';
import type { ServiceObject, ServicePortObject } from '../api/objects.ts';
import { IMPORT_NAME_LABEL } from '../names.ts';
import { appProtocolOf } from './app-protocol.ts';
import { createdAtMs, projectExport, projectNamespace, projectService } from './projections.ts';

function service(spec: ServiceObject['spec'], labels: Record<string, string> = {}): ServiceObject {
  return { metadata: { name: 'shop', namespace: 'default', labels }, ...(spec === undefined ? {} : { spec }) };
}

const PROTOCOLS: readonly (readonly [Partial<ServicePortObject>, string])[] = [
  [{ appProtocol: 'http' }, 'http'],
  [{ appProtocol: 'HTTP' }, 'http'],
  [{ appProtocol: 'https' }, 'tcp'],
  [{ appProtocol: 'kubernetes.io/h2c' }, 'http2'],
  [{ appProtocol: 'kubernetes.io/ws' }, 'http'],
  [{ appProtocol: 'kubernetes.io/wss' }, 'tcp'],
  [{ appProtocol: 'grpc' }, 'grpc'],
  [{ appProtocol: 'example.com/own', name: 'http' }, 'tcp'],
  [{ name: 'http' }, 'http'],
  [{ name: 'http-admin' }, 'http'],
  [{ name: 'https' }, 'tcp'],
  [{ name: 'http2-api' }, 'http2'],
  [{ name: 'grpc-web' }, 'grpc'],
  [{ name: 'postgres' }, 'tcp'],
  [{}, 'tcp'],
  [{ protocol: 'UDP', appProtocol: 'http' }, 'tcp'],
];

for (const [port, expected] of PROTOCOLS) {
  test(`a port with ${JSON.stringify(port)} is treated as ${expected}`, () => {
    assert.equal(appProtocolOf(port), expected);
  });
}

test('a Service keeps its ports but those of SCTP, which are named', () => {
  const slim = projectService(
    service({
      clusterIP: '10.0.0.1',
      ports: [
        { name: 'http', port: 80 },
        { name: 'signal', port: 9, protocol: 'SCTP' },
        { name: 'dns', port: 53, protocol: 'UDP' },
      ],
    }),
  );
  assert.deepEqual(slim.ports, [
    { name: 'http', protocol: 'TCP', port: 80, appProtocol: 'http' },
    { name: 'dns', protocol: 'UDP', port: 53, appProtocol: 'tcp' },
  ]);
  assert.deepEqual(slim.notCarried, ['signal 9/SCTP']);
});

test('a Service without cluster IP is headless, and ExternalName is told apart even then', () => {
  assert.equal(projectService(service({ clusterIP: 'None' })).type, 'Headless');
  assert.equal(projectService(service({ type: 'ExternalName' })).type, 'ExternalName');
  assert.equal(projectService(service({ type: 'LoadBalancer', clusterIP: '10.0.0.1' })).type, 'ClusterSetIP');
});

test('a Service that stands for an import is known as one of ours', () => {
  assert.equal(projectService(service({ clusterIP: '10.0.0.1' }, { [IMPORT_NAME_LABEL]: 'shop' })).type, 'Derived');
});

test('what traffic policies a Service has is kept', () => {
  const slim = projectService(
    service({
      clusterIP: '10.0.0.1',
      ipFamilies: ['IPv6', 'IPv4'],
      sessionAffinity: 'ClientIP',
      sessionAffinityConfig: { clientIP: { timeoutSeconds: 60 } },
      internalTrafficPolicy: 'Local',
      trafficDistribution: 'PreferClose',
    }),
  );
  assert.deepEqual(slim.families, ['IPv6', 'IPv4']);
  assert.equal(slim.sessionAffinity, 'ClientIP');
  assert.equal(slim.sessionAffinityTimeoutS, 60);
  assert.equal(slim.internalTrafficPolicy, 'Local');
  assert.equal(slim.trafficDistribution, 'PreferClose');
});

test('an export is as old as its object, and one without a time is the newest', () => {
  const meta = { name: 'shop', creationTimestamp: '2026-01-02T03:04:05Z' };
  assert.equal(projectExport({ metadata: meta }).exportedAtMs, Date.UTC(2026, 0, 2, 3, 4, 5));
  assert.equal(createdAtMs({ name: 'shop' }), EPOCH_MS_MAX);
  assert.equal(createdAtMs({ name: 'shop', creationTimestamp: 'yesterday' }), EPOCH_MS_MAX);
});

test('an object with a deletion time is leaving', () => {
  const metadata = { name: 'shop', deletionTimestamp: '2026-01-02T03:04:05Z' };
  assert.equal(projectExport({ metadata }).leaving, true);
  assert.equal(projectService({ metadata }).leaving, true);
  assert.equal(projectNamespace({ metadata }), 'terminating');
  assert.equal(projectNamespace({ metadata: { name: 'a' }, status: { phase: 'Terminating' } }), 'terminating');
  assert.equal(projectNamespace({ metadata: { name: 'a' }, status: { phase: 'Active' } }), 'active');
});
