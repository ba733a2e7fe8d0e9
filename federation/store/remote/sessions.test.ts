import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ManualClock } from '../../../runtime/clock.ts';
import { SeededRandom } from '../../../runtime/random.ts';
import { StoreLimitError } from '../contract.ts';
import { EAST, WEST } from '../conformance/rig.fixture.ts';
import type { Principal } from './access.ts';
import { Nonces } from './nonces.ts';
import { Sessions } from './sessions.ts';
import { SessionRefusedError } from './wire-errors.ts';

const HOUR_MS = 60 * 60 * 1000;
const east: Principal = { kind: 'member', cluster: EAST, isAuthority: true };
const west: Principal = { kind: 'member', cluster: WEST, isAuthority: false };

describe('sessions', () => {
  it('last an hour, or as long as the certificate that opened them', async () => {
    const { clock, sessions } = made();
    const long = sessions.open(east, { incarnation: 1, validForMs: 24 * HOUR_MS });
    const short = sessions.open(east, { incarnation: 1, validForMs: 1_000 });
    assert.deepEqual([long.expiresInMs, short.expiresInMs], [HOUR_MS, 1_000]);
    await clock.advance(1_000);
    assert.throws(() => sessions.find(short.token), SessionRefusedError);
    assert.deepEqual(sessions.find(long.token).principal, east);
    await clock.advance(HOUR_MS);
    assert.throws(() => sessions.find(long.token), SessionRefusedError);
    assert.equal(sessions.size, 0);
  });

  it('are bounded per owner: the oldest makes room, those of others stay', () => {
    const { sessions } = made();
    const other = sessions.open(west, { incarnation: 1, validForMs: HOUR_MS });
    const tokens = Array.from({ length: 9 }, () => sessions.open(east, { incarnation: 1, validForMs: HOUR_MS }).token);
    const [oldest = '', ...rest] = tokens;
    assert.throws(() => sessions.find(oldest), SessionRefusedError);
    for (const token of [...rest, other.token]) sessions.find(token);
  });

  it('tell their watches when they are dropped', () => {
    const { sessions } = made();
    const { token } = sessions.open(west, { incarnation: 1, validForMs: HOUR_MS });
    const { ended } = sessions.find(token);
    sessions.dropWhere(({ principal }) => principal.kind === 'member' && principal.cluster === EAST);
    assert.equal(ended.aborted, false);
    sessions.dropWhere(({ principal }) => principal.kind === 'member' && principal.cluster === WEST);
    assert.equal(ended.aborted, true);
    assert.throws(() => sessions.find(token), SessionRefusedError);
  });

  it('that have expired end their watches with the next call of anybody', async () => {
    const { clock, sessions } = made();
    const long = sessions.open(east, { incarnation: 1, validForMs: HOUR_MS });
    const short = sessions.open(west, { incarnation: 1, validForMs: 1_000 });
    const { ended } = sessions.find(short.token);
    await clock.advance(10_000);
    sessions.find(long.token);
    assert.equal(ended.aborted, true);
  });

  it('bound calls and watches at a time, and count each out once', () => {
    const { sessions } = made();
    const { token } = sessions.open(west, { incarnation: 1, validForMs: HOUR_MS });
    const leaves = Array.from({ length: 16 }, () => sessions.enter(token, 'call'));
    assert.throws(() => sessions.enter(token, 'call'), StoreLimitError);
    for (let watches = 0; watches < 4; watches += 1) sessions.enter(token, 'watch');
    assert.throws(() => sessions.enter(token, 'watch'), StoreLimitError);
    leaves[0]?.();
    leaves[0]?.();
    sessions.enter(token, 'call');
    assert.throws(() => sessions.enter(token, 'call'), StoreLimitError);
  });

  it('are not found under anything but their token', () => {
    const { sessions } = made();
    const { token } = sessions.open(west, { incarnation: 1, validForMs: HOUR_MS });
    for (const wrong of ['', `${token}x`, token.slice(1), token.toLowerCase()]) {
      assert.throws(() => sessions.find(wrong), SessionRefusedError);
    }
  });
});

describe('nonces', () => {
  it('serve once, for half a minute, at the server that made them', async () => {
    const { clock, nonces } = made();
    const elsewhere = new Nonces({ clock, random: new SeededRandom(2) });
    const nonce = nonces.make();
    assert.equal(elsewhere.isFresh(nonce), false);
    assert.equal(nonces.use(nonce), true);
    assert.equal(nonces.isFresh(nonce), false);
    assert.equal(nonces.use(nonce), false);
    const late = nonces.make();
    await clock.advance(30_001);
    assert.equal(nonces.use(late), false);
    assert.equal(nonces.use(nonce), false);
  });

  it('are refused when any octet is changed or missing', () => {
    const { nonces } = made();
    const nonce = nonces.make();
    for (let index = 0; index < nonce.length; index += 1) {
      const changed = nonce.with(index, (nonce[index] ?? 0) ^ 1);
      assert.equal(nonces.isFresh(changed), false, `octet ${index}`);
    }
    assert.equal(nonces.isFresh(nonce.subarray(1)), false);
    assert.equal(nonces.isFresh(new Uint8Array()), false);
    assert.equal(nonces.isFresh(nonce), true);
  });
});

function made(): { clock: ManualClock; sessions: Sessions; nonces: Nonces } {
  const components = { clock: new ManualClock(), random: new SeededRandom(1) };
  return { ...components, sessions: new Sessions(components), nonces: new Nonces(components) };
}
