import type { Clock, Timer } from '../../runtime/clock.ts';
import { IsthmusError } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import type { CounterHandle, Metrics } from '../../runtime/metrics.ts';
import {
  BEARER_TOKEN_BYTES_MAX,
  type GatewayAuthenticator,
  type GatewayVerdict,
} from '../../trust/gateway-authenticator.ts';

/**
 * Settles from the headers of a call which gateway it speaks for, and goes on asking while the call lasts: streams live
 * for weeks, tokens for an hour. One whose token is no good any more is ended, and comes back with the token that its
 * agent has now. Where nobody can judge, nothing changes for who is in.
 */
export interface CallHeaders {
  /** `Bearer TOKEN` (RFC 6750, section 2.1). */
  readonly authorization: string | undefined;
  /** The gateway that the caller says it is. */
  readonly gateway: string | undefined;
}

export interface Entry {
  /** Proven. */
  readonly gateway: string;
  /** Fires, with the reason, when the token is no good any more. */
  readonly ended: AbortSignal;
  /** To be called once, when the call is over. */
  readonly leave: () => void;
}

export type GateRefusal = 'unauthenticated' | 'unavailable' | 'exhausted';

export class GateError extends IsthmusError {
  readonly refusal: GateRefusal;

  constructor(refusal: GateRefusal, message: string) {
    super(`gateway-${refusal}`, message);
    this.refusal = refusal;
  }
}

export interface GateComponents {
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly authenticator: GatewayAuthenticator;
}

/** How long a replaced token, or a deleted pod, keeps its streams. Authenticators answer most of these from memory. */
export const RECHECK_MS = 10_000;
/** Below the time that a connection without login is given. */
export const JUDGE_WITHIN_MS = 4_000;
/** An agent needs five: configuration, a spare, the report, and short calls. One gateway must not take all the room. */
export const CALLS_PER_GATEWAY_MAX = 32;
/** A gateway that keeps knocking is told about once in this time. */
const LOG_AGAIN_MS = 60_000;
const LOGGED_MAX = 256;

interface Holder {
  readonly gateway: string;
  readonly token: string;
  readonly end: AbortController;
}

export class Gate {
  readonly #components: GateComponents;
  readonly #logins: CounterHandle;
  readonly #holders = new Set<Holder>();
  /** What was told of whom, and when. */
  readonly #logged = new Map<string, number>();
  #timer: Timer | undefined;
  #closed = false;

  constructor(components: GateComponents) {
    this.#components = components;
    this.#logins = components.metrics.counter('isthmus_gateway_logins_total', 'Calls of remote gateway agents.', [
      'result',
    ]);
  }

  /** @throws GateError */
  async enter(headers: CallHeaders): Promise<Entry> {
    const { token, claimed } = this.#read(headers);
    const verdict = await this.#judge(token, claimed);
    this.#logins.add({ result: verdict.kind });
    if (verdict.kind !== 'admitted') {
      this.#tell(claimed, verdict.message);
      throw new GateError(verdict.kind === 'refused' ? 'unauthenticated' : 'unavailable', verdict.message);
    }
    const { gateway } = verdict;
    if (this.#countOf(gateway) >= CALLS_PER_GATEWAY_MAX) throw new GateError('exhausted', 'too many calls at once');
    const holder: Holder = { gateway, token, end: new AbortController() };
    this.#holders.add(holder);
    this.#scheduleRecheck();
    return { gateway, ended: holder.end.signal, leave: () => void this.#holders.delete(holder) };
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }

  #read({ authorization, gateway }: CallHeaders): { token: string; claimed: string } {
    const [, token] = /^Bearer ([\x21-\x7e]+)$/.exec(authorization ?? '') ?? [];
    if (token === undefined || gateway === undefined || token.length > BEARER_TOKEN_BYTES_MAX) {
      this.#logins.add({ result: 'refused' });
      throw new GateError('unauthenticated', 'the call names no gateway or brings no token');
    }
    return { token, claimed: gateway };
  }

  async #judge(token: string, claimed: string): Promise<GatewayVerdict> {
    const { authenticator, clock } = this.#components;
    const late = Promise.withResolvers<GatewayVerdict>();
    const message = `nobody could judge the token within ${JUDGE_WITHIN_MS} ms`;
    const timer = clock.after(JUDGE_WITHIN_MS, () => late.resolve({ kind: 'unknown', message }));
    try {
      return await Promise.race([authenticator.authenticate(token, claimed), late.promise]);
    } finally {
      timer.cancel();
    }
  }

  #countOf(gateway: string): number {
    let count = 0;
    for (const holder of this.#holders) if (holder.gateway === gateway) count += 1;
    return count;
  }

  #scheduleRecheck(): void {
    if (this.#timer !== undefined || this.#closed || this.#holders.size === 0) return;
    this.#timer = this.#components.clock.after(RECHECK_MS, () => {
      void this.#recheck().finally(() => {
        this.#timer = undefined;
        this.#scheduleRecheck();
      });
    });
  }

  /** Each token once, whatever number of calls it has. */
  async #recheck(): Promise<void> {
    const byToken = Map.groupBy(this.#holders, ({ token }) => token);
    await Promise.all([...byToken.values()].map((holders) => this.#recheckToken(holders)));
  }

  async #recheckToken(holders: readonly Holder[]): Promise<void> {
    const [first] = holders;
    if (first === undefined) return;
    const verdict = await this.#judge(first.token, first.gateway);
    if (verdict.kind !== 'refused' || this.#closed) return;
    this.#components.log.info('a gateway has to log in again', { gateway: first.gateway, reason: verdict.message });
    for (const { end } of holders) end.abort(new GateError('unauthenticated', verdict.message));
  }

  #tell(claimed: string, message: string): void {
    const gateway = claimed.slice(0, 80);
    const nowMs = this.#components.clock.monotonicMs();
    const key = `${gateway} ${message}`;
    if (nowMs - (this.#logged.get(key) ?? Number.NEGATIVE_INFINITY) < LOG_AGAIN_MS) return;
    if (this.#logged.size >= LOGGED_MAX) this.#logged.clear();
    this.#logged.set(key, nowMs);
    this.#components.log.warn('a gateway was not let in', { gateway, reason: message });
  }
}
