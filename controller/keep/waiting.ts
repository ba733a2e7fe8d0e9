import { PasswordFileError } from '../enrol/password-file.ts';
import { JoinFailedError, JoinUnansweredError } from '../enrol/join.ts';
import { JoinRefusedError, StoreUnavailableError } from '../../federation/store/contract.ts';
import { KubeApiError, KubeUnreachableError } from '../../kubernetes/api/transport.ts';
import { ForeignContentError } from '../../kubernetes/keep/kept-object.ts';
import type { Clock } from '../../runtime/clock.ts';
import { errorText, IsthmusError } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';

/** Why a controller has no identity yet. A reason of a condition and of a log line alike. */
export type WaitingReason =
  | 'Starting'
  | 'ApiServerUnreachable'
  | 'ApiServerRefused'
  /** Something that we did not write is in a Secret or ConfigMap of ours. */
  | 'ForeignContent'
  /** The keys are gone while other memory of this cluster is there. */
  | 'IdentityLost'
  | 'NoJoinToken'
  | 'JoinTokenInvalid'
  | 'JoinRefused'
  | 'JoinUnanswered'
  | 'Joining'
  | 'OtherReplicaJoins'
  | 'StoreUnreachable'
  | 'JoinFailed';

export type KeepState =
  | { readonly kind: 'waiting'; readonly reason: WaitingReason; readonly message: string }
  | { readonly kind: 'enrolled' };

export interface WaitingComponents {
  readonly clock: Clock;
  readonly log: Logger;
}

const SAY_EVERY_MS = 5_000;

/** Tells whoever watches what is waited for: at once when that changes, and every 5 s while it does not. */
export class Waiting {
  readonly #components: WaitingComponents;
  readonly #onState: (state: KeepState) => void;
  readonly #sinceMs: number;
  #said: { readonly text: string; readonly atMs: number } | undefined;

  constructor(components: WaitingComponents, init: { readonly onState?: ((state: KeepState) => void) | undefined }) {
    this.#components = components;
    this.#onState = init.onState ?? (() => undefined);
    this.#sinceMs = components.clock.monotonicMs();
  }

  for(reason: WaitingReason, message: string): void {
    const nowMs = this.#components.clock.monotonicMs();
    const text = `${reason}: ${message}`;
    const isNew = this.#said?.text !== text;
    if (isNew) this.#onState({ kind: 'waiting', reason, message });
    if (!isNew && nowMs - (this.#said?.atMs ?? 0) < SAY_EVERY_MS) return;
    this.#said = { text, atMs: nowMs };
    const waitedSeconds = Math.round((nowMs - this.#sinceMs) / 1_000);
    this.#components.log.warn('this cluster has no identity here yet', { reason, message, waitedSeconds });
  }

  failed(error: unknown): void {
    const hint = error instanceof IsthmusError && error.hint !== undefined ? `; ${error.hint}` : '';
    this.for(reasonOf(error), `${errorText(error)}${hint}`);
  }

  over(): void {
    this.#onState({ kind: 'enrolled' });
  }
}

function reasonOf(error: unknown): WaitingReason {
  if (error instanceof KubeUnreachableError) return 'ApiServerUnreachable';
  if (error instanceof KubeApiError) return 'ApiServerRefused';
  if (error instanceof ForeignContentError) return 'ForeignContent';
  if (error instanceof IdentityLostError) return 'IdentityLost';
  if (error instanceof JoinFailedError || error instanceof JoinRefusedError) return 'JoinRefused';
  if (error instanceof JoinUnansweredError) return 'JoinUnanswered';
  if (error instanceof StoreUnavailableError || error instanceof PasswordFileError) return 'StoreUnreachable';
  return 'JoinFailed';
}

/** Founding once more would part this cluster from all that know its root. */
export class IdentityLostError extends IsthmusError {
  constructor(keys: string, there: string) {
    super('identity-lost', `${keys} is gone while ${there} is there: this authority has a root that others know`, {
      fields: { keys, there },
      hint: `restore ${keys} from a back-up; only to found a new clusterset, delete ${there} too`,
    });
  }
}
