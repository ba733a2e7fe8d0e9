import { accept } from '../../federation/model/accept.ts';
import type { ClusterId } from '../../federation/model/ids.ts';
import { DEFAULT_RECORD_LIMITS } from '../../federation/model/records.ts';
import type { StoredCluster, StoredRoster } from '../../federation/store/contract.ts';
import type { Checked, Roster } from '../../trust/contract.ts';
import { verifyHead } from '../../trust/head-signature.ts';
import { openRoster, rosterRoots } from '../../trust/roster.ts';

/**
 * Whether what a store holds would be believed: by the same accept rule as the readers', under the roots of this site.
 * Without a site there are no roots to begin with. Then the store's roster vouches for itself, which proves that the
 * parts fit together, not that they are the clusterset's: `pinned` says so.
 */
export interface JudgedRoster {
  /** Version that the store names; what is inside is believed, not this. */
  readonly stored: number | undefined;
  readonly verdict: Checked<Roster> | undefined;
  readonly pinned: boolean;
  readonly bytes: number;
}

export interface JudgeInit {
  /** DER of the roots that are trusted here. */
  readonly roots: readonly Uint8Array[];
  /** The newest roster that this site knows. */
  readonly known: Roster | undefined;
  /** Address ranges of this site, CIDR. */
  readonly ownRanges: readonly string[];
  readonly atMs: number;
}

export function judgeRoster(stored: StoredRoster | undefined, { roots }: JudgeInit): JudgedRoster {
  const pinned = roots.length > 0;
  if (stored === undefined) return { stored: undefined, verdict: undefined, pinned, bytes: 0 };
  const { version, bytes } = stored;
  return { stored: version, verdict: openUnder(bytes, roots), pinned, bytes: bytes.byteLength };
}

/** The newer of the two: members are judged as a reader here would judge them. */
export function rosterInForce(judged: JudgedRoster, { known }: JudgeInit): Roster | undefined {
  const stored = judged.verdict?.ok === true ? judged.verdict.value : undefined;
  if (stored === undefined || known === undefined) return stored ?? known;
  return stored.version > known.version ? stored : known;
}

export function judgeCluster(
  cluster: ClusterId,
  stored: StoredCluster,
  { roster, ownRanges, atMs }: Pick<JudgeInit, 'ownRanges' | 'atMs'> & { readonly roster: Roster | undefined },
): Checked<true> {
  if (roster === undefined) return { ok: false, reason: 'NoRoster', message: 'there is no roster to judge it by' };
  const verdict = accept({
    cluster,
    roster,
    signed: stored.head,
    records: stored.records,
    limits: DEFAULT_RECORD_LIMITS,
    ownRanges,
    atMs,
    verifyHead,
  });
  return verdict.ok ? { ok: true, value: true } : verdict;
}

function openUnder(bytes: Uint8Array, roots: readonly Uint8Array[]): Checked<Roster> {
  if (roots.length > 0) return openRoster({ bytes, pinnedRoots: roots });
  const own = rosterRoots(bytes);
  return own.ok ? openRoster({ bytes, pinnedRoots: own.value }) : own;
}
