import type { HeadOrder } from '../model/head.ts';
import { compareHeadOrder, isSameVersion } from '../model/head.ts';
import { FencedError, StaleCommitError } from './contract.ts';

/**
 * Who may replace a stored head: the same two questions for every store. A paused leader that wakes up with an old
 * epoch must be refused here; readers would refuse it too, but then its bytes would already hide its successor's.
 */
export function checkCommitOrder(stored: HeadOrder | undefined, next: HeadOrder): void {
  if (stored === undefined) return;
  const writers = compareWriters(stored, next);
  if (writers > 0) throw new FencedError(stored);
  if (writers === 0 && next.version <= stored.version) {
    throw new StaleCommitError('the store already has this version or a newer one of the same writer', {
      stored,
      committed: next,
    });
  }
}

/** A beat re-signs the version that is stored; anything else has to be committed. */
export function checkBeatOrder(stored: HeadOrder | undefined, beat: HeadOrder): void {
  if (stored === undefined) throw new StaleCommitError('the store has no head that this beat could renew', { beat });
  if (compareWriters(stored, beat) > 0) throw new FencedError(stored);
  if (!isSameVersion(stored, beat) || beat.beat <= stored.beat) {
    throw new StaleCommitError('the beat does not renew the stored version', { stored, beat });
  }
}

/** The roster's version grows: a late or replayed write must not take a removed member back in. */
export function checkRosterVersion(stored: number | undefined, next: number): void {
  if (stored !== undefined && next <= stored) {
    throw new StaleCommitError('the store already has this version of the roster or a newer one', { stored, next });
  }
}

/** Order of writers alone: (incarnation, epoch, writerId). */
function compareWriters(left: HeadOrder, right: HeadOrder): number {
  return compareHeadOrder({ ...left, version: 0, beat: 0 }, { ...right, version: 0, beat: 0 });
}
