import type { Clock, Timer } from '../../runtime/clock.ts';
import { errorText } from '../../runtime/errors.ts';
import type { AdsCall, AdsCallEvents, Upstream } from './upstream.ts';

/**
 * One attempt to get an ADS stream: the controllers are asked one after the other until one accepts. A replica that does
 * not lead says so at once; one whose process is stopped takes the connection and says nothing.
 */
export interface AdsCandidate {
  /** For whoever tells which one it was. */
  readonly name: string;
  readonly upstream: Pick<Upstream, 'openAds'>;
}

export interface AdsAttemptInit {
  /** In the order of asking. None: nothing is known yet of where they are. */
  readonly candidates: readonly AdsCandidate[];
  readonly events: AdsCallEvents;
  readonly onAccepted: (name: string) => void;
  /** It did not answer in time: better asked last. */
  readonly onSilent: (name: string) => void;
}

/** A controller answers from memory. A slower one is asked again with the next attempt. */
const ACCEPT_WITHIN_MS = 1_500;

export class AdsAttempt implements AdsCall {
  readonly #clock: Clock;
  readonly #init: AdsAttemptInit;
  readonly #reasons: string[] = [];
  #call: AdsCall | undefined;
  #accepted = false;
  #cancelled = false;
  #over = false;
  #timer: Timer | undefined;

  constructor(components: { readonly clock: Clock }, init: AdsAttemptInit) {
    this.#clock = components.clock;
    this.#init = init;
    this.#ask(0);
  }

  write(frame: Uint8Array): boolean {
    return this.#call?.write(frame) ?? true;
  }

  pause(): void {
    this.#call?.pause();
  }

  resume(): void {
    this.#call?.resume();
  }

  /** Nobody else is asked after it. */
  cancel(): void {
    this.#cancelled = true;
    this.#timer?.cancel();
    this.#call?.cancel();
  }

  #ask(index: number): void {
    const { candidates } = this.#init;
    const candidate = candidates[index];
    if (candidate === undefined) {
      // Later, as every other end: whoever opened the attempt does not have it in hand yet.
      if (index === 0) queueMicrotask(() => this.#end('no address of a controller is known'));
      else this.#end(this.#reasons.join('; '));
      return;
    }
    let isPresent = true;
    const next = (reason: string): void => {
      if (!isPresent) return;
      isPresent = false;
      this.#timer?.cancel();
      this.#reasons.push(reason);
      if (this.#accepted || this.#cancelled) this.#end(reason);
      else this.#ask(index + 1);
    };
    const call = this.#open(candidate, { isPresent: () => isPresent, next });
    this.#call = call;
    // Alone it is waited for: there is nobody else to ask.
    if (call === undefined || candidates.length === 1) return;
    this.#timer = this.#clock.after(ACCEPT_WITHIN_MS, () => {
      this.#init.onSilent(candidate.name);
      next(`no answer within ${ACCEPT_WITHIN_MS} ms`);
      call.cancel();
    });
  }

  /** Undefined when it cannot even be asked: its socket went away while others were, or the own token cannot be read. */
  #open(
    { name, upstream }: AdsCandidate,
    { isPresent, next }: { readonly isPresent: () => boolean; readonly next: (reason: string) => void },
  ): AdsCall | undefined {
    const { events, onAccepted } = this.#init;
    try {
      return upstream.openAds({
        accepted: () => {
          if (!isPresent()) return;
          this.#timer?.cancel();
          this.#accepted = true;
          onAccepted(name);
          events.accepted();
        },
        frame: (frame) => {
          if (isPresent()) events.frame(frame);
        },
        drained: events.drained,
        ended: next,
      });
    } catch (error) {
      // Later, as every other end: whoever opened the attempt does not have it in hand yet.
      queueMicrotask(() => next(errorText(error)));
      return undefined;
    }
  }

  #end(reason: string): void {
    if (this.#over) return;
    this.#over = true;
    this.#init.events.ended(reason);
  }
}
