import type { ClusterId } from '../../federation/model/ids.ts';
import type { ClusterView } from '../../federation/model/state.ts';
import type { Store } from '../../federation/store/contract.ts';
import { judgeOwnPublished } from '../../federation/sync/own-order.ts';
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
  const own = await judgeOwnPublished({ store, clock, verifyHead }, init);
  return own?.verdict.ok === true ? own.verdict.view : undefined;
}
