import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../runtime/clock.ts';
import { silentLogger } from '../runtime/log.ts';
import { SystemRandom } from '../runtime/random.ts';
import { DOMAIN, EAST, makeClusterset, NOW_MS } from '../trust/clusterset.fixture.ts';
import { ClusterIssuer } from '../trust/issuer.ts';
import { SigningIdentity, type SigningMaterial } from './signing-identity.ts';

const HOUR_MS = 3_600_000;

/** A clock that somebody sets while the timers run on. */
class SettableClock extends ManualClock {
  offsetMs = 0;
  override epochMs(): number {
    return super.epochMs() + this.offsetMs;
  }
}

function started() {
  const clock = new SettableClock(NOW_MS);
  const random = new SystemRandom();
  const { east } = makeClusterset();
  const issuer = new ClusterIssuer(
    { key: east.caKey, certificate: east.ca, random },
    { cluster: EAST, clustersetDomain: DOMAIN, leafLifetimeMs: HOUR_MS },
  );
  const renewed: SigningMaterial[] = [];
  const identity = new SigningIdentity(
    { clock, log: silentLogger, random, issuer },
    { onRenewed: (material) => void renewed.push(material) },
  );
  return { clock, identity, renewed };
}

test('key and certificate are renewed at half of their life', async () => {
  const { clock, identity, renewed } = started();
  const first = identity.current;
  await clock.advance(0.44 * HOUR_MS);
  assert.equal(renewed.length, 0);
  await clock.advance(0.12 * HOUR_MS);
  assert.deepEqual([renewed.length, renewed[0] === identity.current], [1, true]);
  assert.notDeepEqual(identity.current.key.publicKey, first.key.publicKey);
});

test('a clock that jumps over the end of the certificate brings a new one within half a minute', async () => {
  const { clock, identity } = started();
  clock.offsetMs = 48 * HOUR_MS;
  await clock.advance(30_000);
  assert.ok(identity.current.notAfterMs > clock.epochMs());
});

test('a clock that is set back before the certificate brings one that is valid now', async () => {
  const { clock, identity, renewed } = started();
  clock.offsetMs = -HOUR_MS;
  await clock.advance(30_000);
  assert.equal(renewed.length, 1);
  assert.ok(identity.current.notAfterMs <= clock.epochMs() + HOUR_MS);
});

test('a closed identity leaves no timer behind', () => {
  const { clock, identity } = started();
  identity.close();
  assert.equal(clock.waiting, 0);
});
