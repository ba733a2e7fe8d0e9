import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../../runtime/clock.ts';
import { silentLogger } from '../../runtime/log.ts';
import { Metrics } from '../../runtime/metrics.ts';
import { SeededRandom } from '../../runtime/random.ts';
import { type PrivateKey, verifySignature } from '../../trust/private-key.ts';
import { LEAF_PROOF_PREFIX, LeafKeeper, type LeafKeeperComponents } from './leaf-keeper.ts';

const HOUR_MS = 3_600_000;

function keeperWith(sign: LeafKeeperComponents['sign']) {
  const clock = new ManualClock();
  const delivered: { key: PrivateKey; chainPem: string }[] = [];
  const metrics = new Metrics();
  const deliver = (own: { key: PrivateKey; chainPem: string }): void => void delivered.push(own);
  const keeper = new LeafKeeper({ clock, log: silentLogger, random: new SeededRandom(1), metrics, sign, deliver });
  return { clock, delivered, metrics, keeper };
}

test('each certificate has a key of its own, proved to the signer, and is renewed when the controller said', async () => {
  const proofs: boolean[] = [];
  const made = keeperWith(async ({ publicKey, proof }) => {
    proofs.push(verifySignature(publicKey, Buffer.concat([Buffer.from(LEAF_PROOF_PREFIX), publicKey]), proof));
    const nowMs = made.clock.epochMs();
    return { chainPem: `chain ${proofs.length}`, notAfterMs: nowMs + 24 * HOUR_MS, renewAtMs: nowMs + 12 * HOUR_MS };
  });
  made.keeper.start();
  await made.clock.advance(0);
  assert.equal(made.delivered.length, 1);
  await made.clock.advance(12 * HOUR_MS - 1);
  assert.equal(made.delivered.length, 1);
  await made.clock.advance(1);
  assert.deepEqual(
    made.delivered.map(({ chainPem }) => chainPem),
    ['chain 1', 'chain 2'],
  );
  assert.deepEqual(proofs, [true, true]);
  assert.notDeepEqual(made.delivered[0]?.key.publicKey, made.delivered[1]?.key.publicKey);
  await made.keeper.stop();
});

test('a controller that is away is asked again and again, and the old certificate stays', async () => {
  let calls = 0;
  const made = keeperWith(async () => {
    calls += 1;
    if (calls > 1 && calls < 10) throw new Error('away');
    const nowMs = made.clock.epochMs();
    return { chainPem: `chain ${calls}`, notAfterMs: nowMs + HOUR_MS, renewAtMs: nowMs + HOUR_MS / 2 };
  });
  made.keeper.start();
  await made.clock.advance(HOUR_MS / 2);
  assert.equal(made.delivered.length, 1);
  await made.clock.advance(60_000);
  assert.deepEqual(
    made.delivered.map(({ chainPem }) => chainPem),
    ['chain 1', 'chain 10'],
  );
  await made.keeper.stop();
});

test('a renewal time in the past does not make a busy loop', async () => {
  let calls = 0;
  const made = keeperWith(async () => {
    calls += 1;
    return { chainPem: 'chain', notAfterMs: 0, renewAtMs: 0 };
  });
  made.keeper.start();
  await made.clock.advance(10_000);
  assert.ok(calls <= 41, `${calls} calls in 10 s`);
  await made.keeper.stop();
});

test('the end of the present certificate is a metric', async () => {
  const made = keeperWith(async () => ({ chainPem: 'c', notAfterMs: 1_800_000_000_000, renewAtMs: 1_790_000_000_000 }));
  made.keeper.start();
  await made.clock.advance(0);
  assert.match(await made.metrics.text(), /^isthmus_leaf_expiry_timestamp_seconds 1800000000$/m);
  await made.keeper.stop();
});
