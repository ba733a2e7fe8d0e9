import { Backoff, type BackoffLimits } from '../../runtime/backoff.ts';
import type { Clock, Timer } from '../../runtime/clock.ts';
import type { Logger } from '../../runtime/log.ts';
import type { Random } from '../../runtime/random.ts';
import type { AdsCall, AdsCallEvents } from './upstream.ts';

/**
 * Keeps one ADS stream to the controller open and unused: that it was accepted is the proof that the controller is
 * there and has a configuration to serve. When Envoy comes it is taken for it.
 */
export interface ControllerStreamSink {
  readonly frame: (frame: Buffer) => void;
  readonly drained: () => void;
  readonly ended: (reason: string) => void;
}

/** A controller that is back, or leads now, is noticed within 1 s; a missing one costs one connect attempt a second. */
export const RECONNECT_BACK_OFF: BackoffLimits = { initialMs: 100, maxMs: 1_000 };

type LinkState =
  | { readonly kind: 'idle' }
  | { readonly kind: 'dialling'; readonly call: AdsCall }
  | { readonly kind: 'accepted'; readonly call: AdsCall; readonly attempt: Attempt }
  | { readonly kind: 'waiting'; readonly timer: Timer }
  | { readonly kind: 'closed' };

/** One call, whose events go to whoever has it now. */
interface Attempt {
  sink: ControllerStreamSink | undefined;
}

export class ControllerLink {
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #open: (events: AdsCallEvents) => AdsCall;
  readonly #backoff: Backoff;
  readonly #onAccepted: () => void;
  readonly #onReachable: () => void;
  #state: LinkState = { kind: 'idle' };
  #reachable: boolean | undefined;

  /**
   * @param init.onAccepted a spare stream can be taken
   * @param init.onReachable the controller is there, for the first time or after it was not
   */
  constructor(
    components: { clock: Clock; log: Logger; random: Random; open: (events: AdsCallEvents) => AdsCall },
    init: { onAccepted: () => void; onReachable: () => void },
  ) {
    this.#clock = components.clock;
    this.#log = components.log;
    this.#open = components.open;
    this.#backoff = new Backoff({ random: components.random }, RECONNECT_BACK_OFF);
    this.#onAccepted = init.onAccepted;
    this.#onReachable = init.onReachable;
  }

  /** Undefined until the first attempt has an outcome. */
  get reachable(): boolean | undefined {
    return this.#reachable;
  }

  /** Begins to keep a spare stream, when there is none. */
  dial(): void {
    if (this.#state.kind !== 'idle') return;
    const attempt: Attempt = { sink: undefined };
    const call = this.#open({
      accepted: () => this.#accepted(attempt, call),
      frame: (frame) => attempt.sink?.frame(frame),
      drained: () => attempt.sink?.drained(),
      ended: (reason) => this.#ended(attempt, call, reason),
    });
    this.#state = { kind: 'dialling', call };
  }

  /** The accepted spare stream, if there is one. Its events go to `sink` from now on. */
  take(sink: ControllerStreamSink): AdsCall | undefined {
    if (this.#state.kind !== 'accepted') return undefined;
    const { call, attempt } = this.#state;
    attempt.sink = sink;
    this.#state = { kind: 'idle' };
    return call;
  }

  close(): void {
    const state = this.#state;
    this.#state = { kind: 'closed' };
    if (state.kind === 'waiting') state.timer.cancel();
    if (state.kind === 'dialling' || state.kind === 'accepted') state.call.cancel();
  }

  #accepted(attempt: Attempt, call: AdsCall): void {
    if (this.#state.kind !== 'dialling' || this.#state.call !== call) return;
    this.#state = { kind: 'accepted', call, attempt };
    this.#backoff.reset();
    const before = this.#reachable;
    this.#reachable = true;
    if (before !== true) {
      this.#log.info('controller is reachable');
      this.#onReachable();
    }
    this.#onAccepted();
  }

  #ended(attempt: Attempt, call: AdsCall, reason: string): void {
    const { sink } = attempt;
    attempt.sink = undefined;
    if (sink !== undefined) {
      // It had been taken: whoever has it decides what follows.
      this.#reachable = false;
      sink.ended(reason);
      return;
    }
    if (this.#state.kind !== 'dialling' && this.#state.kind !== 'accepted') return;
    if (this.#state.call !== call) return;
    if (this.#reachable !== false) this.#log.warn('controller is not reachable', { reason });
    this.#reachable = false;
    const timer = this.#clock.after(this.#backoff.nextMs(), () => {
      this.#state = { kind: 'idle' };
      this.dial();
    });
    this.#state = { kind: 'waiting', timer };
  }
}
