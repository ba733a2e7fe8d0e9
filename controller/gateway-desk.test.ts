import assert from 'node:assert/strict';
import { create } from '@bufbuild/protobuf';
import { test } from 'node:test';
import { VoidToken } from '../gateway-config/ir.ts';
import {
  AttachRequestSchema,
  type GatewayReport,
  GatewayReportSchema,
  SignLeafRequestSchema,
} from '../protos/gen/isthmus/agent/v1/agent_pb.ts';
import { ManualClock } from '../runtime/clock.ts';
import { silentLogger } from '../runtime/log.ts';
import { Metrics } from '../runtime/metrics.ts';
import { SystemRandom } from '../runtime/random.ts';
import { fromPem } from '../trust/certificates.ts';
import { DOMAIN, EAST, makeClusterset, NOW_MS } from '../trust/clusterset.fixture.ts';
import { ClusterIssuer } from '../trust/issuer.ts';
import { PrivateKey } from '../trust/private-key.ts';
import { GatewayDesk, type OwnGateways } from './gateway-desk.ts';

const PROOF_PREFIX = Buffer.from('isthmus-leaf-v1\n');

function opened(gateways: OwnGateways = ['one', 'two']) {
  const random = new SystemRandom();
  const { east } = makeClusterset();
  const issuer = new ClusterIssuer(
    { key: east.caKey, certificate: east.ca, random },
    { cluster: EAST, clustersetDomain: DOMAIN },
  );
  const unhealthy: (readonly string[])[] = [];
  const probes: unknown[] = [];
  const desk = new GatewayDesk(
    { clock: new ManualClock(NOW_MS), random, log: silentLogger, metrics: new Metrics(), issuer },
    {
      cluster: EAST,
      clustersetDomain: DOMAIN,
      network: 'a',
      gatewaySet: 'default',
      gateways,
      voidToken: new VoidToken('0'.repeat(64)),
      onProbe: (...probe) => void probes.push(probe),
      onUnhealthy: (items) => void unhealthy.push([...items].sort()),
    },
  );
  return { desk, unhealthy, probes };
}

function report(gateway: string, failed: readonly string[], envoyLive = true): GatewayReport {
  const endpoints = failed.map((endpoint) => ({ service: 'default/web', endpoint, healthy: false }));
  return create(GatewayReportSchema, { gateway, envoyLive, endpoints });
}

test('a leaf is signed for who proves to have the key, and the identity is ours to choose', async () => {
  const { desk } = opened();
  const key = PrivateKey.generate();
  const proof = key.sign(Buffer.concat([PROOF_PREFIX, key.publicKey]));
  const signed = await desk.signLeaf(
    create(SignLeafRequestSchema, { gateway: 'one', publicKey: key.publicKey, proof }),
  );
  assert.equal(fromPem(signed.chainPem ?? '').length, 2);
  assert.ok((signed.renewAtMs ?? 0n) < (signed.notAfterMs ?? 0n));
});

test('a key that the sender does not have is not certified', async () => {
  const { desk } = opened();
  const key = PrivateKey.generate();
  const proof = PrivateKey.generate().sign(Buffer.concat([PROOF_PREFIX, key.publicKey]));
  const request = create(SignLeafRequestSchema, { gateway: 'one', publicKey: key.publicKey, proof });
  await assert.rejects(desk.signLeaf(request), { code: 'proof-refused' });
});

test('a gateway that is not configured gets nothing, and its report counts for nothing', async () => {
  const { desk, unhealthy } = opened();
  await assert.rejects(desk.attach(create(AttachRequestSchema, { gateway: 'three' })), { code: 'unknown-gateway' });
  desk.report(report('three', ['192.0.2.1:80']));
  assert.deepEqual(unhealthy, []);
});

test('an endpoint is unhealthy when all gateways that report say so', () => {
  const { desk, unhealthy } = opened();
  desk.report(report('one', ['a', 'b']));
  desk.report(report('two', ['b']));
  assert.deepEqual(unhealthy, [['default/web|a', 'default/web|b'], ['default/web|b']]);
});

test('a gateway that is gone has no say beside one that is there', () => {
  const { desk, unhealthy } = opened();
  desk.report(report('one', []));
  desk.report(report('two', ['a']));
  assert.deepEqual(unhealthy, []);
  desk.reportEnded('one');
  assert.deepEqual(unhealthy, [['default/web|a']]);
});

test('what the last gateway saw stays while it starts anew, and until its envoy has checked again', () => {
  const { desk, unhealthy } = opened();
  desk.report(report('one', ['a']));
  desk.reportEnded('one');
  desk.report(report('one', [], false));
  assert.deepEqual(unhealthy, [['default/web|a']]);
  desk.report(report('one', []));
  assert.deepEqual(unhealthy, [['default/web|a'], []]);
});

test('probes of names that are no clusters are dropped', () => {
  const { desk, probes } = opened();
  const peers = ['west', '../west', ''].map((cluster) => ({ cluster, healthy: 1, total: 2 }));
  desk.report(create(GatewayReportSchema, { gateway: 'one', envoyLive: true, peers }));
  assert.deepEqual(probes, [['one', 'west', 1, 2]]);
});

test('where gateways are pods, each that was let in is one, whatever its name, as long as it is a name', async () => {
  const { desk } = opened('all that are let in');
  const attach = (gateway: string) => desk.attach(create(AttachRequestSchema, { gateway, instance: '1' }));
  assert.equal((await attach('isthmus-gateway-6d4cf56db6-abcde')).gatewaySet, 'default');
  await assert.rejects(attach('../one'), { code: 'unknown-gateway' });
  desk.report(report('isthmus-gateway-6d4cf56db6-abcde', []));
  assert.deepEqual([...desk.liveGateways], ['isthmus-gateway-6d4cf56db6-abcde']);
});

test('a pod that is gone has no say when the next one reports, however many there have been', () => {
  const { desk, unhealthy } = opened('all that are let in');
  for (let index = 0; index < 100; index++) {
    desk.report(report(`pod-${index}`, ['10.0.0.1:80']));
    desk.reportEnded(`pod-${index}`);
  }
  desk.report(report('pod-100', []));
  assert.deepEqual(unhealthy, [['default/web|10.0.0.1:80'], []]);
});
