import { accept } from '../../federation/model/accept.ts';
import { decodeHead } from '../../federation/model/head-codec.ts';
import type { ClusterId } from '../../federation/model/ids.ts';
import { DEFAULT_RECORD_LIMITS } from '../../federation/model/records.ts';
import type { ClusterView } from '../../federation/model/state.ts';
import type { Store } from '../../federation/store/contract.ts';
import { BULK_TIMEOUT_MS, withDeadline } from '../../federation/sync/deadline.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Roster } from '../../trust/contract.ts';
import { verifyHead } from '../../trust/head-signature.ts';

/**
 * What the leader before us published, whole and verified as any reader would: judged at the time that its head names for
 * itself, because a signer that has expired since did publish it.
 *
 * @returns nothing when there is none, or none that verifies
 * @throws StoreUnavailableError and its kin
 */
export async function predecessorView(
  { store, clock }: { readonly store: Store; readonly clock: Clock },
  init: { readonly cluster: ClusterId; readonly roster: Roster; readonly signal: AbortSignal },
): Promise<ClusterView | undefined> {
  const { cluster, roster, signal } = init;
  const asked = store.read(cluster);
  const stored = await withDeadline(asked, { clock, timeoutMs: BULK_TIMEOUT_MS, what: 'read', signal });
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
  return verdict.ok ? verdict.view : undefined;
}
