import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { commitOf, EAST, headOf, hintThat, WEST } from '../conformance/rig.fixture.ts';
import { STORE_LIMITS, type Store } from '../contract.ts';
import type { AclUser } from './acl.ts';
import { formatAcl } from './acl-format.ts';

export const PASSWORD = 'password';

/** Lines for a server whose users all have that password, and nobody else may do anything. */
export function aclFile(users: readonly AclUser[]): readonly string[] {
  const hash = createHash('sha256').update(PASSWORD).digest('hex');
  const hashes = new Map(users.map(({ name }) => [name, hash]));
  return ['user default off', ...formatAcl(users, hashes, 'aclfile').trim().split('\n')];
}

/** Everything that a member's controller asks of its store. */
export async function actAsMember(store: Store): Promise<void> {
  const stop = new AbortController();
  const hints = store.watch(stop.signal)[Symbol.asyncIterator]();
  await hintThat(hints, ({ kind }) => kind === 'gap');
  await store.commit(commitOf(WEST, { version: 1 }, { cluster: 'a', 'service/default/web': 'b' }));
  await store.commit(commitOf(WEST, { version: 2 }, { cluster: 'c' }, ['service/default/web']));
  await store.beat(WEST, headOf({ version: 2, beat: 1 }));
  await hintThat(hints, ({ kind }) => kind === 'cluster');
  assert.equal((await store.changes(WEST, headOf({ version: 1 }).order)).kind, 'delta');
  for (let version = 3; version < STORE_LIMITS.logVersionsMax + 5; version += 1) {
    await store.commit(commitOf(WEST, { version }, { cluster: `c${version}` }));
  }
  // Another writer finds a hash that it does not know, and a commit too large for the log.
  const big = Object.fromEntries(
    Array.from({ length: 5 }, (_, index) => [`facts/big${index}`, new Uint8Array(250_000)]),
  );
  await store.commit(commitOf(WEST, { epoch: 2, version: 900 }, big));
  for (const cluster of [WEST, EAST]) await store.read(cluster);
  await store.heads();
  await store.roster();
  await store.lease.acquire('west', 'me', 1_000);
  await store.lease.release('west', 'me');
  stop.abort(new Error('enough'));
}
