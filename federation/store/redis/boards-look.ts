import { compareText } from '../../model/ids.ts';
import { StoreRefusedError } from '../contract.ts';
import type { JoinListing, LeaseListing, StoreBoards } from '../inspect.ts';
import type { Calls } from './calls.ts';
import { COMMAND_TIMEOUT_MS } from './connection.ts';
import type { RedisJoinBoard } from './join-board.ts';
import type { RedisKeys } from './keys.ts';
import { leaseIn, readLease, serverMs } from './lease-board.ts';
import { accepted } from './reply.ts';

/**
 * The boards for people who look (`isthmus store dump`). Leases cannot be listed without KEYS or SCAN, which no user has:
 * the one that each cluster's controllers hold has the cluster's name.
 */
export async function lookAtBoards(
  { calls, keys, join }: { readonly calls: Calls; readonly keys: RedisKeys; readonly join: RedisJoinBoard },
  names: readonly string[],
): Promise<StoreBoards> {
  const leases = await Promise.all(names.toSorted(compareText).map((name) => lookAtLease(calls, keys, name)));
  return { joins: await lookAtJoins(join), leases: leases.filter((lease) => lease !== undefined) };
}

/** Absent for a login that may not: only the authority's may. */
async function lookAtJoins(join: RedisJoinBoard): Promise<readonly JoinListing[] | undefined> {
  try {
    const listed = await join.list();
    return listed
      .map(({ tokenId, expiresAtMs, sizes }): JoinListing => {
        const asked = sizes.request === 0 ? 'offered' : 'requested';
        return { tokenId, expiresAtMs, state: sizes.answer === 0 ? asked : 'answered' };
      })
      .sort((left, right) => compareText(left.tokenId, right.tokenId));
  } catch (error) {
    if (error instanceof StoreRefusedError) return undefined;
    throw error;
  }
}

async function lookAtLease(calls: Calls, keys: RedisKeys, name: string): Promise<LeaseListing | undefined> {
  const key = keys.lease(name);
  try {
    const [stored, time] = await calls.read(key, 'reads', async (connection) =>
      accepted(await connection.call([readLease(key), ['TIME']], { bytesMax: 8_192, timeoutMs: COMMAND_TIMEOUT_MS })),
    );
    const lease = leaseIn(stored, key);
    if (lease === undefined) return undefined;
    const { holder, transitions, expiresAtMs } = lease;
    return { name, holder, transitions, expiresInMs: expiresAtMs - serverMs(time) };
  } catch (error) {
    if (!(error instanceof StoreRefusedError && 'key' in error.fields)) throw error;
    // Damaged, it keeps the replicas of its site from leading: it is what somebody who looks has to see.
    const problem = `${error.message} (${error.hint ?? ''})`;
    return { name, holder: '', transitions: 0, expiresInMs: 0, problem };
  }
}
