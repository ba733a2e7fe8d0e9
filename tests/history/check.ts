import { assertNever } from '../../runtime/errors.ts';
import type { History } from './events.ts';
import type { Invariant, Judgement } from './invariant.ts';
import { BOUNDED } from './invariants/bounded.ts';
import { EQUAL_AFTER_HEALING } from './invariants/equal-after-healing.ts';
import { NEVER_PLAINTEXT } from './invariants/never-plaintext.ts';
import { NO_FAILED_REQUESTS } from './invariants/no-failed-requests.ts';
import { ORDERS_NEVER_DECREASE } from './invariants/orders-never-decrease.ts';
import { ROOTS_BEFORE_LEAVES } from './invariants/roots-before-leaves.ts';
import { SIGNED_AND_PERMITTED } from './invariants/signed-and-permitted.ts';
import { UNEXPORTED_UNREACHABLE } from './invariants/unexported-unreachable.ts';
import { UNKNOWN_IS_NOT_EMPTY } from './invariants/unknown-is-not-empty.ts';
import { VISIBLE } from './invariants/visible.ts';

/** I1 to I10. A suite with other bounds puts its own in the place of one (`equalAfterHealing(5_000)`). */
export const INVARIANTS: readonly Invariant[] = [
  NO_FAILED_REQUESTS,
  ORDERS_NEVER_DECREASE,
  SIGNED_AND_PERMITTED,
  EQUAL_AFTER_HEALING,
  ROOTS_BEFORE_LEAVES,
  UNEXPORTED_UNREACHABLE,
  UNKNOWN_IS_NOT_EMPTY,
  BOUNDED,
  NEVER_PLAINTEXT,
  VISIBLE,
];

export interface Checked {
  readonly invariant: Invariant;
  readonly judgement: Judgement;
}

export function checkHistory(history: History, invariants: readonly Invariant[] = INVARIANTS): readonly Checked[] {
  return invariants.map((invariant) => ({ invariant, judgement: invariant.check(history) }));
}

/** Every violation as one line, with the invariant it breaks. */
export function violationsOf(checked: readonly Checked[]): readonly string[] {
  return checked.flatMap(({ invariant, judgement }) =>
    judgement.kind === 'violated'
      ? judgement.violations.map(({ atMs, message }) => `${invariant.id} at ${Math.round(atMs)} ms: ${message}`)
      : [],
  );
}

/** One line each: what was shown, what was broken, and what this suite cannot show. */
export function formatChecked(checked: readonly Checked[]): string {
  return checked.map((each) => `${each.invariant.id.padEnd(4)}${textOf(each.judgement)}\n`).join('');
}

function textOf(judgement: Judgement): string {
  switch (judgement.kind) {
    case 'held': {
      const unseen = judgement.unseen.length === 0 ? '' : `; not observed: ${judgement.unseen.join(', ')}`;
      return `held over ${judgement.facts} facts${unseen}`;
    }
    case 'violated':
      return `VIOLATED ${judgement.violations.length} times: ${judgement.violations[0]?.message ?? ''}`;
    case 'not observed':
      return `not observed: ${judgement.why}`;
    default:
      return assertNever(judgement);
  }
}
