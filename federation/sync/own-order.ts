import type { Clock } from '../../runtime/clock.ts';
import type { Roster } from '../../trust/contract.ts';
import { type Acceptance, accept } from '../model/accept.ts';
import type { VerifyHead } from '../model/candidate.ts';
import { decodeHead } from '../model/head-codec.ts';
import { compareHeadOrder, type Head, type HeadOrder } from '../model/head.ts';
import type { ClusterId } from '../model/ids.ts';
import { DEFAULT_RECORD_LIMITS } from '../model/records.ts';
import type { Store, StoredCluster } from '../store/contract.ts';
import { listStores, type Stores } from '../store/several.ts';
import { BULK_TIMEOUT_MS, withDeadline } from './deadline.ts';

/**
 * The own head in the stores as a source of the next epoch. It counts only when its signature holds: a store that could
 * name any number could use up all of them. It is judged at the time it names for itself, because a signer that has
 * expired since (a controller that was down for two days) did use that epoch.
 */
export interface OwnOrderComponents {
  readonly store: Stores;
  readonly clock: Clock;
  readonly verifyHead: VerifyHead;
}

export interface OwnOrderInit {
  readonly cluster: ClusterId;
  readonly roster: Roster;
  readonly signal?: AbortSignal | undefined;
}

/** Once one store has told, how long the others are waited for: a dead one must not keep the office empty. */
const OTHERS_WAIT_MS = 2_000;

/**
 * The highest of all stores that answer. Nothing when they hold none, or none that is ours.
 * @throws StoreUnavailableError when no store can tell.
 */
export async function ownOrderInStore(
  components: OwnOrderComponents,
  init: OwnOrderInit,
): Promise<HeadOrder | undefined> {
  const asked = listStores(components.store).map(({ store }) => ownOrderIn(store, components, init));
  const orders: (HeadOrder | undefined)[] = [];
  for (const order of asked) void order.then((known) => orders.push(known)).catch(() => undefined); // told below
  try {
    await Promise.any(asked);
  } catch (error) {
    // All of them failed: the first in the list speaks for them.
    throw error instanceof AggregateError ? error.errors[0] : error;
  }
  const others = withDeadline(Promise.allSettled(asked), {
    clock: components.clock,
    timeoutMs: OTHERS_WAIT_MS,
    what: 'read',
    signal: init.signal,
  });
  await others.catch(() => init.signal?.throwIfAborted());
  return orders.reduce((best, order) => {
    if (best === undefined || order === undefined) return best ?? order;
    return compareHeadOrder(order, best) > 0 ? order : best;
  }, undefined);
}

async function ownOrderIn(
  store: Store,
  components: OwnOrderComponents,
  init: OwnOrderInit,
): Promise<HeadOrder | undefined> {
  const own = await judgeOwnPublished({ ...components, store }, init);
  // Records that do not fit the head are another reader's worry; who signed it is decided before they are looked at.
  return own === undefined || (!own.verdict.ok && HEAD_CLAUSES.has(own.verdict.clause)) ? undefined : own.head;
}

/**
 * What one store holds under the own name, judged as any reader would, but at the time that its head names for itself.
 * Nothing where it holds none, or nothing that is a head. @throws StoreUnavailableError and its kin
 */
export async function judgeOwnPublished(
  { store, clock, verifyHead }: Omit<OwnOrderComponents, 'store'> & { readonly store: Store },
  { cluster, roster, signal }: OwnOrderInit,
): Promise<{ readonly head: Head; readonly verdict: Acceptance } | undefined> {
  const deadline = { clock, timeoutMs: BULK_TIMEOUT_MS, what: 'read', signal };
  const stored: StoredCluster | undefined = await withDeadline(store.read(cluster), deadline);
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
  return { head: head.value, verdict };
}

const HEAD_CLAUSES = new Set(['head', 'member', 'cluster', 'incarnation', 'signature', 'order']);
