import { assertNever } from '../../runtime/errors.ts';
import type { WantedCondition } from '../api/objects.ts';
import { STATUS_LIMITS } from './status-schema.ts';

/** What the statuses of our kinds have in common: condition types, the order of their truth, and words of a bounded length. */
export type ConditionType = 'Accepted' | 'ResolvedRefs' | 'Programmed' | 'Ready' | 'Conflict';

export interface ConditionText {
  readonly status: WantedCondition['status'];
  /** CamelCase; the reference lists them. */
  readonly reason: string;
  readonly message: string;
}

/** Whether gateways do what an object says. */
export type Programming =
  | { readonly kind: 'done' }
  | { readonly kind: 'pending' }
  | { readonly kind: 'no-gateway' }
  | { readonly kind: 'refused'; readonly message: string };

/** `generation` is that of the spec which was looked at. */
export function condition(
  type: ConditionType,
  { status, reason, message }: ConditionText,
  generation: number | undefined,
): WantedCondition {
  const { messageCharsMax } = STATUS_LIMITS;
  const text = message.length <= messageCharsMax ? message : `${message.slice(0, messageCharsMax - 3)}...`;
  return {
    type,
    status,
    reason,
    message: text,
    ...(generation === undefined ? {} : { observedGeneration: generation }),
  };
}

export function programmed(programming: Programming, isAccepted: boolean): ConditionText {
  if (!isAccepted) return { status: 'False', reason: 'NotAccepted', message: 'see the condition Accepted' };
  switch (programming.kind) {
    case 'done':
      return { status: 'True', reason: 'Programmed', message: 'every connected gateway of this cluster has it' };
    case 'pending':
      return { status: 'False', reason: 'Pending', message: 'not acknowledged by every connected gateway yet' };
    case 'no-gateway':
      return { status: 'False', reason: 'NoGateway', message: 'no gateway of this cluster is connected' };
    case 'refused':
      return { status: 'False', reason: 'Refused', message: programming.message };
    default:
      return assertNever(programming);
  }
}

/** Names that lead nowhere now. They are allowed: what they name may still come. */
export interface UnknownRefs {
  readonly reason: string;
  /** E.g. `clusters`. */
  readonly what: string;
  readonly names: readonly string[];
}

const NAMES_SHOWN_MAX = 10;

/** The reason is that of the first kind of which some are unknown. */
export function resolvedRefs(unknown: readonly UnknownRefs[]): ConditionText {
  const missing = unknown.filter(({ names }) => names.length > 0);
  const [first] = missing;
  if (first === undefined)
    return { status: 'True', reason: 'ResolvedRefs', message: 'everything that it names is known' };
  const message = missing.map(({ what, names }) => `unknown ${what}: ${listed(names)}`).join('; ');
  return { status: 'False', reason: first.reason, message };
}

export function listed(names: readonly string[]): string {
  const shown = names.slice(0, NAMES_SHOWN_MAX).join(', ');
  const more = names.length - NAMES_SHOWN_MAX;
  return more > 0 ? `${shown} and ${more} more` : shown;
}
