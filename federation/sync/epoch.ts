/**
 * The fencing number of a new leader. Any one source may be behind (a store restored from a back-up, a disk that was
 * replaced, a lease that was deleted), so the highest of all of them counts, and one more.
 */
export interface EpochSources {
  /** From this cluster's own marks on disk. */
  readonly persisted?: number | undefined;
  /** From the own head in the store, after its signature was verified: an unverified one could name any number. */
  readonly ownHead?: number | undefined;
  /** Changes of holder that the lease counted. */
  readonly leaseTransitions?: number | undefined;
  /** What peers last accepted from this cluster. */
  readonly peerReports?: readonly number[] | undefined;
}

/**
 * No cluster changes its leader this often. A source that claims more is broken or lies: following it would use up the
 * integers that are left, and then nobody could take over any more.
 */
export const EPOCH_MAX = 2 ** 48;

export interface NextEpoch {
  readonly epoch: number;
  /** Names of the sources that were left out because their number cannot be one. */
  readonly ignored: readonly string[];
}

export function nextEpoch(sources: EpochSources): NextEpoch {
  const claims: (readonly [string, number])[] = [
    ['persisted', sources.persisted ?? 0],
    ['ownHead', sources.ownHead ?? 0],
    ['leaseTransitions', sources.leaseTransitions ?? 0],
    ...(sources.peerReports ?? []).map((epoch, index) => [`peerReports[${index}]`, epoch] as const),
  ];
  const credible = claims.filter(([, epoch]) => isEpoch(epoch));
  const highest = Math.max(0, ...credible.map(([, epoch]) => epoch));
  return { epoch: highest + 1, ignored: claims.filter(([, epoch]) => !isEpoch(epoch)).map(([name]) => name) };
}

function isEpoch(epoch: number): boolean {
  return Number.isSafeInteger(epoch) && epoch >= 0 && epoch < EPOCH_MAX;
}
