import type { AttachResponse, SignLeafResponse } from '../../protos/gen/isthmus/agent/v1/agent_pb.ts';
import type { Clock } from '../../runtime/clock.ts';
import { IsthmusError } from '../../runtime/errors.ts';
import { AdsAttempt } from './ads-attempt.ts';
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
  /** Paths of their sockets, at least one. Called at every attempt. */
  readonly sockets: () => readonly string[];
  readonly gateway: string;
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
    const candidates = this.#paths().map((path) => ({ path, upstream: this.#upstream(path) }));
    const onAccepted = (path: string): void => {
      this.#served = path;
      this.#silent.delete(path);
    };
    const onSilent = (path: string): void => void this.#silent.add(path);
    return new AdsAttempt({ clock: this.#clock }, { candidates, events, onAccepted, onSilent });
  }

  /** Whom to report to: all of them. */
  get reportTargets(): readonly string[] {
    return this.#init.sockets();
  }

  openReport(path: string, ended: (reason: string) => void): ReportCall {
    return this.#upstream(path).openReport(ended);
  }

  close(): void {
    for (const upstream of this.#upstreams.values()) upstream.close();
    this.#upstreams.clear();
  }

  /** The first answer counts, also when it is no: only a controller that serves this gateway refuses it. */
  async #first<T>(call: (upstream: Upstream, deadlineMs: number) => Promise<T>): Promise<T> {
    const paths = this.#paths();
    const deadlineMs = paths.length === 1 ? CALL_DEADLINE_MS : CALL_DEADLINE_OF_SEVERAL_MS;
    let failure: unknown;
    for (const path of paths) {
      try {
        const answer = await call(this.#upstream(path), deadlineMs);
        this.#served ??= path;
        return answer;
      } catch (error) {
        if (error instanceof ControllerRefusalError) throw error;
        failure = error;
      }
    }
    throw failure ?? new IsthmusError('no-controller', 'this site has no controller');
  }

  /** The one that serves us first, those that hang last. Connections to those that are no more are given up. */
  #paths(): readonly string[] {
    const paths = this.#init.sockets();
    for (const [path, upstream] of this.#upstreams) {
      if (paths.includes(path)) continue;
      this.#upstreams.delete(path);
      this.#silent.delete(path);
      upstream.close();
    }
    const rank = (path: string): number => (this.#silent.has(path) ? 2 : path === this.#served ? 0 : 1);
    return paths.toSorted((left, right) => rank(left) - rank(right));
  }

  #upstream(path: string): Upstream {
    const known = this.#upstreams.get(path);
    if (known !== undefined) return known;
    const upstream = new Upstream({ clock: this.#clock }, { socketPath: path, gateway: this.#init.gateway });
    this.#upstreams.set(path, upstream);
    return upstream;
  }
}
