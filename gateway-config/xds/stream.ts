import type { Clock, Timer } from '../../runtime/clock.ts';
import { errorText } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import { EMPTY_SNAPSHOT, type Snapshot } from '../snapshot.ts';
import { decodeRequest, UnknownTypeError, type XdsRequest } from './request.ts';
import type { SessionEffect, SessionInput, XdsSession } from './session.ts';
import { diffSnapshots } from './snapshot-diff.ts';
import { encodeResponse } from './wire.ts';

/**
 * Binds a session to a gRPC call: frames in, frames out, the session's wake-ups, and the transport's back-pressure.
 * The call is seen through a small interface, so that controller and agent share this.
 */
export interface FrameCall {
  /** False: the buffer is full, wait for `drained`. */
  write(frame: Buffer): boolean;
  /** Ends the call with a status that is not OK. */
  fail(why: StreamFailure, message: string): void;
}

export type StreamFailure = 'unavailable' | 'invalid-argument' | 'permission-denied';

export type RecordedEffect = Extract<SessionEffect, { kind: 'acknowledged' | 'refused' | 'send' }>;

export interface XdsStreamInit {
  readonly call: FrameCall;
  /** The snapshot to begin with. Undefined: nothing is answered before the first `update`. */
  readonly snapshot: Snapshot | undefined;
  /** Called once, with the node of the first request. Undefined refuses the stream. */
  readonly open: (node: { readonly id: string; readonly build: string }) => XdsSession | undefined;
  readonly record: (effect: RecordedEffect) => void;
}

export class XdsStream {
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #init: XdsStreamInit;
  #snapshot: Snapshot | undefined;
  #session: XdsSession | undefined;
  #wake: Timer | undefined;
  #closed = false;

  constructor(components: { clock: Clock; log: Logger }, init: XdsStreamInit) {
    this.#clock = components.clock;
    this.#log = components.log;
    this.#init = init;
    this.#snapshot = init.snapshot;
  }

  receive(frame: Uint8Array): void {
    if (this.#closed) return;
    const request = this.#decode(frame);
    if (request === undefined) return;
    if (this.#session === undefined && !this.#identify(request)) return;
    this.#step({ kind: 'request', request });
  }

  update(snapshot: Snapshot): void {
    const before = this.#snapshot ?? EMPTY_SNAPSHOT;
    this.#snapshot = snapshot;
    this.#step({ kind: 'snapshot', snapshot, changes: diffSnapshots(before, snapshot) });
  }

  drained(): void {
    this.#step({ kind: 'transport', state: 'drained' });
  }

  /** The call is over, by whichever side. */
  close(): void {
    this.#closed = true;
    this.#wake?.cancel();
  }

  #decode(frame: Uint8Array): XdsRequest | undefined {
    try {
      return decodeRequest(frame);
    } catch (error) {
      if (error instanceof UnknownTypeError) {
        this.#log.warn('request for a resource type that is not served', { type: error.fields['type'] });
        return undefined;
      }
      this.#fail('invalid-argument', errorText(error));
      return undefined;
    }
  }

  #identify(request: XdsRequest): boolean {
    if (request.node === undefined || request.node.id === '') {
      this.#fail('invalid-argument', 'the first request of a stream must name its node');
      return false;
    }
    this.#session = this.#init.open(request.node);
    if (this.#session === undefined) {
      this.#fail('permission-denied', 'this stream may not speak for that node');
      return false;
    }
    if (this.#snapshot !== undefined) this.#step({ kind: 'snapshot', snapshot: this.#snapshot, changes: new Map() });
    return true;
  }

  #fail(why: StreamFailure, message: string): void {
    this.close();
    this.#init.call.fail(why, message);
  }

  #step(input: SessionInput): void {
    if (this.#closed || this.#session === undefined) return;
    const effects = this.#session.step(input, this.#clock.monotonicMs());
    let wakeAtMs = Number.POSITIVE_INFINITY;
    let full = false;
    for (const effect of effects) {
      if (effect.kind === 'wake') {
        wakeAtMs = Math.min(wakeAtMs, effect.atMs);
        continue;
      }
      this.#init.record(effect);
      if (effect.kind === 'send' && !this.#init.call.write(encodeResponse(effect))) full = true;
    }
    this.#schedule(wakeAtMs);
    if (full) this.#step({ kind: 'transport', state: 'full' });
  }

  #schedule(atMs: number): void {
    this.#wake?.cancel();
    this.#wake = undefined;
    if (atMs === Number.POSITIVE_INFINITY) return;
    const delayMs = Math.max(1, atMs - this.#clock.monotonicMs());
    this.#wake = this.#clock.after(delayMs, () => this.#step({ kind: 'time' }));
  }
}
