import type { AttachResponse, SignLeafResponse } from '../../protos/gen/isthmus/agent/v1/agent_pb.ts';
import type { Clock } from '../../runtime/clock.ts';
import { errorText, IsthmusError } from '../../runtime/errors.ts';
import { AdsAttempt } from './ads-attempt.ts';
import type { ControllerLogin } from './controller-login.ts';
import { type ControllerTarget, targetName } from './controller-target.ts';
import {
  type AdsCall,
  type AdsCallEvents,
  CALL_DEADLINE_MS,
  ControllerRefusalError,
  type ReportCall,
  Upstream,
} from './upstream.ts';

/**
 * The controllers of this site as one: every call goes to the one that last served this gateway, and to the others when
 * that one is gone or leads no more. Which of them leads is theirs to know; here it is only found out by asking.
 * Reports go to all of them, so that the next leader knows how our endpoints and peers are before it leads.
 */
export interface ControllersInit {
  /** Where they listen, as far as that is known now. Called at every attempt. */
  readonly targets: () => readonly ControllerTarget[];
  readonly gateway: string;
  /** Needed when some of them are on other hosts. */
  readonly login?: ControllerLogin | undefined;
}

/** One of several may be stopped: then the next one is asked soon. */
const CALL_DEADLINE_OF_SEVERAL_MS = 1_500;

export class Controllers {
  readonly #clock: Clock;
  readonly #init: ControllersInit;
  readonly #upstreams = new Map<string, Upstream>();
  #served: string | undefined;
  /** Took a connection and said nothing. Of a stopped leader every attempt would wait for it first. */
  readonly #silent = new Set<string>();

  constructor(components: { readonly clock: Clock }, init: ControllersInit) {
    this.#clock = components.clock;
    this.#init = init;
  }

  /** @throws ControllerCallError, ControllerRefusalError */
  attach(instance: string): Promise<AttachResponse> {
    return this.#first((upstream, deadlineMs) => upstream.attach(instance, deadlineMs));
  }

  /** @throws ControllerCallError, ControllerRefusalError */
  signLeaf(request: { publicKey: Uint8Array; proof: Uint8Array }): Promise<SignLeafResponse> {
    return this.#first((upstream, deadlineMs) => upstream.signLeaf(request, deadlineMs));
  }

  openAds(events: AdsCallEvents): AdsCall {
    const candidates = this.#ranked().map((target) => ({ name: targetName(target), upstream: this.#upstream(target) }));
    const onAccepted = (name: string): void => {
      this.#served = name;
      this.#silent.delete(name);
    };
    const onSilent = (name: string): void => void this.#silent.add(name);
    return new AdsAttempt({ clock: this.#clock }, { candidates, events, onAccepted, onSilent });
  }

  /** Whom to report to: all of them. */
  get reportTargets(): readonly string[] {
    return this.#init.targets().map(targetName);
  }

  openReport(name: string, ended: (reason: string) => void): ReportCall {
    try {
      const target = this.#init.targets().find((one) => targetName(one) === name);
      if (target === undefined)
        throw new IsthmusError('no-controller', `${name} is no controller of this site any more`);
      return this.#upstream(target).openReport(ended);
    } catch (error) {
      // A file or a socket is missing. Later, as every other end: the caller does not have the call in hand yet.
      queueMicrotask(() => ended(errorText(error)));
      return { send: () => false, cancel: () => undefined };
    }
  }

  close(): void {
    for (const upstream of this.#upstreams.values()) upstream.close();
    this.#upstreams.clear();
  }

  /** The first answer counts, also when it is no: only a controller that serves this gateway refuses it. */
  async #first<T>(call: (upstream: Upstream, deadlineMs: number) => Promise<T>): Promise<T> {
    const targets = this.#ranked();
    const deadlineMs = targets.length === 1 ? CALL_DEADLINE_MS : CALL_DEADLINE_OF_SEVERAL_MS;
    let failure: unknown;
    for (const target of targets) {
      try {
        const answer = await call(this.#upstream(target), deadlineMs);
        this.#served ??= targetName(target);
        return answer;
      } catch (error) {
        if (error instanceof ControllerRefusalError) throw error;
        failure = error;
      }
    }
    throw failure ?? new IsthmusError('no-controller', 'no address of a controller of this site is known');
  }

  /** The one that serves us first, those that hang last. Connections to those that are no more are given up. */
  #ranked(): readonly ControllerTarget[] {
    const targets = this.#init.targets();
    const names = new Set(targets.map(targetName));
    for (const [name, upstream] of this.#upstreams) {
      if (names.has(name)) continue;
      this.#upstreams.delete(name);
      this.#silent.delete(name);
      upstream.close();
    }
    const rank = (name: string): number => (this.#silent.has(name) ? 2 : name === this.#served ? 0 : 1);
    return targets.toSorted((left, right) => rank(targetName(left)) - rank(targetName(right)));
  }

  #upstream(target: ControllerTarget): Upstream {
    const name = targetName(target);
    const known = this.#upstreams.get(name);
    if (known !== undefined) return known;
    const { gateway, login } = this.#init;
    const upstream = new Upstream({ clock: this.#clock }, { target, gateway, login });
    this.#upstreams.set(name, upstream);
    return upstream;
  }
}
