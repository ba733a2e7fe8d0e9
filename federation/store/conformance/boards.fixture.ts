import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { JoinRefusedError, STORE_LIMITS, StaleCommitError, StoreLimitError, StoreRefusedError } from '../contract.ts';
import type { LeaseRig, MakeRig, StoreRig } from './rig.fixture.ts';
import { TEST_TIMEOUT, text, withRig } from './rig.fixture.ts';

const LEASE = 'east/leader';
const HOUR_MS = 60 * 60 * 1000;

export function describeBoards(makeRig: MakeRig): void {
  describe('roster', TEST_TIMEOUT, () => describeRoster(makeRig));
  describe('join board', TEST_TIMEOUT, () => {
    describeJoin(makeRig);
    describeJoinBounds(makeRig);
  });
  describe('leases', TEST_TIMEOUT, () => describeLeases(makeRig));
}

function describeRoster(makeRig: MakeRig): void {
  it(
    'keeps the newest roster byte for byte and refuses one that is not newer',
    withRig(makeRig, async (rig) => {
      const bytesOf = rig.rosterBytes ?? ((version: number) => text(`roster ${version}`));
      const first = ((await rig.store.roster())?.version ?? 0) + 1;
      await rig.store.putRoster({ version: first, bytes: bytesOf(first) });
      const newest = bytesOf(first + 2);
      await rig.store.putRoster({ version: first + 2, bytes: newest });
      for (const version of [first + 2, first + 1, first]) {
        await assert.rejects(rig.store.putRoster({ version, bytes: bytesOf(version) }), StaleCommitError);
      }
      const stored = await (rig.second ?? rig.store).roster();
      assert.equal(stored?.version, first + 2);
      assert.ok(stored !== undefined && Buffer.from(stored.bytes).equals(newest));
    }),
  );

  it(
    'refuses a roster beyond its limit or with a version that is no whole number',
    withRig(makeRig, async (rig) => {
      const before = await rig.store.roster();
      const tooLarge = { version: 1_000, bytes: new Uint8Array(STORE_LIMITS.rosterBytesMax + 1) };
      await assert.rejects(rig.store.putRoster(tooLarge), StoreLimitError);
      await assert.rejects(rig.store.putRoster({ version: -1, bytes: text('x') }), StoreRefusedError);
      assert.equal((await rig.store.roster())?.version, before?.version);
    }),
  );
}

function describeJoin(makeRig: MakeRig): void {
  it(
    'carries one request and one answer between joiner and authority',
    withRig(makeRig, async (rig) => {
      const { join } = rig.store;
      await offer(rig, 't1');
      assert.deepEqual(await join.pending(), []);
      await join.request({ tokenId: 't1', bytes: text('please') });
      const pending = await (rig.second ?? rig.store).join.pending();
      assert.deepEqual(
        pending.map(({ tokenId, bytes }) => [tokenId, Buffer.from(bytes).toString()]),
        [['t1', 'please']],
      );
      assert.equal(await join.answerFor('t1'), undefined);
      await join.answer({ tokenId: 't1', bytes: text('welcome') });
      assert.deepEqual(await join.pending(), []);
      assert.equal(Buffer.from((await join.answerFor('t1')) ?? []).toString(), 'welcome');
    }),
  );

  it(
    'takes the same request and the same answer again, and refuses different ones',
    withRig(makeRig, async (rig) => {
      const { join } = rig.store;
      await offer(rig, 't1');
      for (let attempt = 0; attempt < 2; attempt += 1) await join.request({ tokenId: 't1', bytes: text('a') });
      await assert.rejects(join.request({ tokenId: 't1', bytes: text('b') }), JoinRefusedError);
      for (let attempt = 0; attempt < 2; attempt += 1) await join.answer({ tokenId: 't1', bytes: text('yes') });
      await assert.rejects(join.answer({ tokenId: 't1', bytes: text('no') }), JoinRefusedError);
      await assert.rejects(join.request({ tokenId: 't1', bytes: text('b') }), JoinRefusedError);
      assert.equal(Buffer.from((await join.answerFor('t1')) ?? []).toString(), 'yes');
    }),
  );

  it(
    'refuses requests under tokens that were never offered or have expired, and answers without a request',
    withRig(makeRig, async (rig) => {
      const { join } = rig.store;
      await assert.rejects(join.request({ tokenId: 'unknown', bytes: text('a') }), JoinRefusedError);
      await offer(rig, 'late', -1);
      await assert.rejects(join.request({ tokenId: 'late', bytes: text('a') }), JoinRefusedError);
      await offer(rig, 'quiet');
      await assert.rejects(join.answer({ tokenId: 'quiet', bytes: text('a') }), JoinRefusedError);
      await assert.rejects(join.answer({ tokenId: 'unknown', bytes: text('a') }), JoinRefusedError);
      assert.deepEqual(await join.pending(), []);
    }),
  );

  it(
    'takes an offer again but not with another credential',
    withRig(makeRig, async (rig) => {
      await offer(rig, 't1');
      await offer(rig, 't1');
      await assert.rejects(offer(rig, 't1', HOUR_MS, 'other secret'), JoinRefusedError);
    }),
  );
}

function describeJoinBounds(makeRig: MakeRig): void {
  it(
    'refuses credentials that are no sha256 and requests or answers beyond their limit',
    withRig(makeRig, async (rig) => {
      const { join } = rig.store;
      const expiresAtMs = epochMs(rig) + HOUR_MS;
      await assert.rejects(join.offer({ tokenId: 't', credential: text('short'), expiresAtMs }), StoreRefusedError);
      await offer(rig, 't1');
      const request = { tokenId: 't1', bytes: new Uint8Array(STORE_LIMITS.joinBytesMax + 1) };
      await assert.rejects(join.request(request), StoreLimitError);
      await join.request({ tokenId: 't1', bytes: text('a') });
      const answer = { tokenId: 't1', bytes: new Uint8Array(STORE_LIMITS.joinAnswerBytesMax + 1) };
      await assert.rejects(join.answer(answer), StoreLimitError);
    }),
  );

  it(
    'bounds the number of tokens, and forgets those that expired long ago',
    withRig(makeRig, async (rig) => {
      const old = -STORE_LIMITS.joinRetentionMs - 1;
      await offer(rig, 'old', old);
      await Promise.all(Array.from({ length: STORE_LIMITS.joinsMax }, (_, index) => offer(rig, `t${index}`)));
      await assert.rejects(offer(rig, 'one-more'), StoreLimitError);
      await offer(rig, 't0');
    }),
  );
}

export function describeLeases(makeRig: () => Promise<LeaseRig>): void {
  it(
    'gives a free lease to the first, keeps it from others and lets its holder renew',
    withRig(makeRig, async (rig) => {
      const { lease } = rig.store;
      const first = await lease.acquire(LEASE, 'a', HOUR_MS);
      assert.deepEqual([first.holder, first.transitions], ['a', 1]);
      assert.ok(first.expiresInMs > 0 && first.expiresInMs <= HOUR_MS);
      const refused = await (rig.second ?? rig.store).lease.acquire(LEASE, 'b', HOUR_MS);
      assert.deepEqual([refused.holder, refused.transitions], ['a', 1]);
      const renewed = await lease.acquire(LEASE, 'a', HOUR_MS / 2);
      assert.deepEqual([renewed.holder, renewed.transitions], ['a', 1]);
      assert.ok(renewed.expiresInMs <= HOUR_MS / 2);
      const other = await lease.acquire('east/other', 'b', HOUR_MS);
      assert.deepEqual([other.holder, other.transitions], ['b', 1]);
    }),
  );

  it(
    'passes an expired lease on, judged by the store alone, and counts the transition',
    withRig(makeRig, async (rig) => {
      await rig.store.lease.acquire(LEASE, 'a', 40);
      const pass = rig.pass ?? ((durationMs: number) => sleep(durationMs));
      let lease = await rig.store.lease.acquire(LEASE, 'b', HOUR_MS);
      while (lease.holder !== 'b') {
        await pass(10);
        lease = await rig.store.lease.acquire(LEASE, 'b', HOUR_MS);
      }
      assert.equal(lease.transitions, 2);
      assert.equal((await rig.store.lease.acquire(LEASE, 'a', HOUR_MS)).holder, 'b');
    }),
  );

  it(
    'passes a released lease on at once; only its holder can release it; transitions never shrink',
    withRig(makeRig, async (rig) => {
      const { lease } = rig.store;
      await lease.acquire(LEASE, 'a', HOUR_MS);
      await lease.release(LEASE, 'b');
      assert.equal((await lease.acquire(LEASE, 'b', HOUR_MS)).holder, 'a');
      await lease.release(LEASE, 'a');
      assert.deepEqual(holderOf(await lease.acquire(LEASE, 'b', HOUR_MS)), ['b', 2]);
      await lease.release(LEASE, 'b');
      assert.deepEqual(holderOf(await lease.acquire(LEASE, 'b', HOUR_MS)), ['b', 3]);
      await lease.release('east/never-held', 'b');
    }),
  );

  it(
    'has exactly one winner when many ask at once',
    withRig(makeRig, async (rig) => {
      const stores = [rig.store, rig.second ?? rig.store];
      const asked = Array.from({ length: 20 }, (_, index) =>
        (stores[index % 2] ?? rig.store).lease.acquire(LEASE, `h${index}`, HOUR_MS),
      );
      const holders = new Set((await Promise.all(asked)).map(({ holder }) => holder));
      assert.equal(holders.size, 1);
    }),
  );

  it(
    'refuses nonsense durations and names',
    withRig(makeRig, async ({ store: { lease } }) => {
      for (const ttlMs of [0, -1, Number.NaN]) {
        await assert.rejects(lease.acquire(LEASE, 'a', ttlMs), StoreRefusedError);
      }
      await assert.rejects(lease.acquire(LEASE, 'a', STORE_LIMITS.leaseTtlMsMax + 1), StoreLimitError);
      await assert.rejects(lease.acquire(LEASE, '', HOUR_MS), StoreRefusedError);
      const longName = `east/${'n'.repeat(STORE_LIMITS.nameBytesMax)}`;
      await assert.rejects(lease.acquire(longName, 'a', HOUR_MS), StoreLimitError);
    }),
  );
}

function holderOf(lease: { holder: string; transitions: number }): [string, number] {
  return [lease.holder, lease.transitions];
}

function epochMs(rig: StoreRig): number {
  return rig.epochMs?.() ?? Date.now();
}

function offer(rig: StoreRig, tokenId: string, lifetimeMs = HOUR_MS, secret = 'secret'): Promise<void> {
  const credential = new Uint8Array(createHash('sha256').update(secret).digest());
  return rig.store.join.offer({ tokenId, credential, expiresAtMs: epochMs(rig) + lifetimeMs });
}
