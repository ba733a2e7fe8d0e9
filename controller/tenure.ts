import type { RecordSet } from '../federation/model/records.ts';
import { type BeatInfo, Publisher } from '../federation/sync/publisher.ts';
import type { Urgency } from '../federation/sync/publish-pace.ts';
import { Backoff } from '../runtime/backoff.ts';
import { assertNever, errorText, IsthmusError } from '../runtime/errors.ts';
import type { Metrics } from '../runtime/metrics.ts';
import type { PrivateKey } from '../trust/private-key.ts';
import type { ChainRecord } from '../federation/model/records.ts';
import { type OfficeComponents, takeOffice } from './office.ts';
import type { WriterInit } from './writer.ts';

/**
 * One time in the writer's office, from taking it to leaving it: an epoch of its own, one publisher, and an end that is
 * final. What it cannot do yet (no epoch is durable, the store does not answer) it tries again.
 */
export type TenureState =
  | { readonly kind: 'waiting'; readonly message: string }
  | { readonly kind: 'writing'; readonly epoch: number }
  /** Another writer of this cluster has a higher epoch. */
  | { readonly kind: 'fenced' };

export interface TenureInit extends WriterInit {
  /** Changes of holder that the lease counted; absent where no lease is needed. */
  readonly transitions?: number | undefined;
  /** What must have ended before this may begin: the tenure before it. */
  readonly after: Promise<void>;
  readonly beatInfo: BeatInfo;
}

const TRY_AGAIN = { initialMs: 500, maxMs: 5_000 };
const NOT_YET: TenureState = { kind: 'waiting', message: 'the office of the writer is not taken yet' };

export class Tenure {
  readonly #components: OfficeComponents & { readonly metrics: Metrics };
  readonly #init: TenureInit;
  readonly #stop = new AbortController();
  readonly #starting: Promise<void>;
  #publisher: Publisher | undefined;
  #state: TenureState = NOT_YET;
  #beatInfo: BeatInfo;

  constructor(components: OfficeComponents & { readonly metrics: Metrics }, init: TenureInit) {
    this.#components = components;
    this.#init = init;
    this.#beatInfo = init.beatInfo;
    this.#starting = this.#untilInOffice();
  }

  get state(): TenureState {
    return this.#state;
  }

  /** Undefined before the office is taken. */
  get publisher(): Publisher | undefined {
    return this.#publisher;
  }

  publish(records: RecordSet, urgency: Urgency): void {
    this.#publisher?.publish(records, urgency);
  }

  withBeatInfo(info: BeatInfo): void {
    this.#beatInfo = info;
    this.#publisher?.withBeatInfo(info);
  }

  renewKey(key: PrivateKey, chain: ChainRecord): void {
    this.#publisher?.renewKey(key, chain);
  }

  /** Stops writing, whatever is under way. What is published stays published. */
  async close(): Promise<void> {
    this.#stop.abort(new IsthmusError('closed', 'the writer stops'));
    await this.#starting;
    await this.#publisher?.close();
  }

  /** Never rejects. */
  async #untilInOffice(): Promise<void> {
    const { clock } = this.#components;
    const { signal } = this.#stop;
    const { transitions, after, untilKnown } = this.#init;
    const backoff = new Backoff(this.#components, TRY_AGAIN);
    await after;
    while (!signal.aborted) {
      try {
        const epoch = await takeOffice(this.#components, { ...this.#init, transitions, signal });
        await untilKnown?.(signal);
        if (!signal.aborted) this.#begin(epoch);
        return;
      } catch (error) {
        if (signal.aborted) return;
        this.#waits(errorText(error));
      }
      await clock.sleep(backoff.nextMs(), signal).catch(() => undefined); // only close() aborts it
    }
  }

  #waits(message: string): void {
    const state = this.#state;
    switch (state.kind) {
      case 'waiting':
        if (state.message === message) return;
        this.#components.log.error('this controller cannot publish yet, will try again', { error: message });
        this.#state = { kind: 'waiting', message };
        return;
      case 'writing':
      case 'fenced':
        return;
      default:
        assertNever(state);
    }
  }

  #begin(epoch: number): void {
    const { cluster, writerId, signing, roster, records, onFenced, onPublished } = this.#init;
    const { key, record } = signing();
    const member = roster().members.find((candidate) => candidate.cluster === cluster);
    this.#publisher = new Publisher(this.#components, {
      cluster,
      incarnation: member?.incarnation ?? 1,
      writerId,
      epoch,
      key,
      chain: record,
      initialVersion: this.#components.marks.own.version,
      roster,
      onPublished: () => {
        if (this.#publisher?.status.pending === false) onPublished?.();
      },
      onFenced: () => {
        this.#state = { kind: 'fenced' };
        onFenced?.();
      },
    });
    this.#state = { kind: 'writing', epoch };
    this.#publisher.withBeatInfo(this.#beatInfo);
    this.#publisher.publish(records(), 'availability');
  }
}
