import type { Clock } from '../../runtime/clock.ts';
import type { Roster } from '../../trust/contract.ts';
import { accept } from '../model/accept.ts';
import type { VerifyHead } from '../model/candidate.ts';
import { decodeHead } from '../model/head-codec.ts';
import type { HeadOrder } from '../model/head.ts';
import type { ClusterId } from '../model/ids.ts';
import { DEFAULT_RECORD_LIMITS } from '../model/records.ts';
import type { Store } from '../store/contract.ts';
import { BULK_TIMEOUT_MS, withDeadline } from './deadline.ts';

/**
 * The own head in the store as a source of the next epoch. It counts only when its signature holds: a store that could
 * name any number could use up all of them. It is judged at the time it names for itself, because a signer that has
 * expired since (a controller that was down for two days) did use that epoch.
 */
export interface OwnOrderComponents {
  readonly store: Store;
  readonly clock: Clock;
  readonly verifyHead: VerifyHead;
}

export interface OwnOrderInit {
  readonly cluster: ClusterId;
  readonly roster: Roster;
  readonly signal?: AbortSignal | undefined;
}

/** Nothing when the store holds none, or one that is not ours. @throws StoreUnavailableError when it cannot tell. */
export async function ownOrderInStore(
  components: OwnOrderComponents,
  init: OwnOrderInit,
): Promise<HeadOrder | undefined> {
  const { store, clock, verifyHead } = components;
  const { cluster, roster, signal } = init;
  const deadline = { clock, timeoutMs: BULK_TIMEOUT_MS, what: 'read', signal };
  const stored = await withDeadline(store.read(cluster), deadline);
  const head = stored && decodeHead(stored.head.bytes);
  if (stored === undefined || !head?.ok) return undefined;
  const verdict = accept({
    cluster,
    roster,
    signed: stored.head,
    records: stored.records,
    limits: DEFAULT_RECORD_LIMITS,
    ownRanges: [],
    atMs: head.value.issuedAtMs,
    verifyHead,
  });
  // Records that do not fit the head are another reader's worry; who signed it is decided before they are looked at.
  return verdict.ok || !HEAD_CLAUSES.has(verdict.clause) ? head.value : undefined;
}

const HEAD_CLAUSES = new Set(['head', 'member', 'cluster', 'incarnation', 'signature', 'order']);
