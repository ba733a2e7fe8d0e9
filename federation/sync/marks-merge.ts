import type { HighWaterMark } from '../model/candidate.ts';
import { compareHeadOrder } from '../model/head.ts';
import type { ClusterId } from '../model/ids.ts';
import type { MarksContent } from './marks-codec.ts';
import type { RosterMark } from './roster-follower.ts';

/**
 * The marks of two memories as one: the higher of each. Marks only ever go up, so this is right whichever of the two is
 * newer, and whoever merges twice or in another order gets the same.
 */
export function mergeMarks(left: MarksContent, right: MarksContent): MarksContent {
  const peers = new Map<ClusterId, HighWaterMark>(left.peers);
  for (const [cluster, mark] of right.peers) {
    const known = peers.get(cluster);
    if (known === undefined || compareHeadOrder(mark.order, known.order) > 0) peers.set(cluster, mark);
  }
  return {
    own: {
      epoch: Math.max(left.own.epoch, right.own.epoch),
      version: Math.max(left.own.version, right.own.version),
    },
    roster: higherRoster(left.roster, right.roster),
    peers,
  };
}

function higherRoster(left: RosterMark | undefined, right: RosterMark | undefined): RosterMark | undefined {
  if (left === undefined || right === undefined) return left ?? right;
  return right.version > left.version ? right : left;
}
