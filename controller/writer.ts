import type { ClusterId } from '../federation/model/ids.ts';
import type { ChainRecord, RecordSet } from '../federation/model/records.ts';
import { type BeatInfo, Publisher } from '../federation/sync/publisher.ts';
import type { Urgency } from '../federation/sync/publish-pace.ts';
import { Backoff } from '../runtime/backoff.ts';
import { errorText } from '../runtime/errors.ts';
import type { Metrics } from '../runtime/metrics.ts';
import type { Roster } from '../trust/contract.ts';
import type { PrivateKey } from '../trust/private-key.ts';
import { type OfficeComponents, takeOffice } from './office.ts';
import type { SigningMaterial } from './signing-identity.ts';

/**
 * The writing half of a controller. It takes the office, publishes, and stops for good when another writer took over;
 * what it cannot do yet (no epoch is durable, the store knows nothing of us) it tries again. Reading and serving gateways
 * go on through all of it.
 */
export type WriterState =
  | { readonly kind: 'waiting'; readonly message: string }
  | { readonly kind: 'writing' }
  /** Another writer of this cluster has a higher epoch. */
  | { readonly kind: 'fenced' };

export interface WriterInit {
  readonly cluster: ClusterId;
  readonly writerId: string;
  readonly roster: () => Roster;
  readonly signing: () => SigningMaterial;
  /** The newest desired state. */
  readonly records: () => RecordSet;
}

const TRY_AGAIN = { initialMs: 500, maxMs: 5_000 };
const NOT_YET: WriterState = { kind: 'waiting', message: 'the office of the writer is not taken yet' };

export class Writer {
  readonly #components: OfficeComponents & { readonly metrics: Metrics };
  readonly #init: WriterInit;
  readonly #stop = new AbortController();
  #publisher: Publisher | undefined;
  #state: WriterState = NOT_YET;
  #beatInfo: BeatInfo = { rosterSeen: 0, acks: {} };
  #starting: Promise<void> | undefined;

  constructor(components: OfficeComponents & { readonly metrics: Metrics }, init: WriterInit) {
    this.#components = components;
    this.#init = init;
  }

  get state(): WriterState {
    return this.#state;
  }

  /** Undefined before the office is taken. */
  get publisher(): Publisher | undefined {
    return this.#publisher;
  }

  /** Does not wait for the store. */
  start(): void {
    this.#starting ??= this.#untilInOffice();
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

  checkSoon(): void {
    this.#publisher?.checkSoon();
  }

  /** Stops writing. What is published stays published. */
  async close(): Promise<void> {
    this.#stop.abort(new Error('the writer stops'));
    await this.#starting;
    await this.#publisher?.close();
  }

  /** Never rejects. */
  async #untilInOffice(): Promise<void> {
    const { clock, log } = this.#components;
    const { signal } = this.#stop;
    const backoff = new Backoff(this.#components, TRY_AGAIN);
    while (!signal.aborted) {
      try {
        this.#begin(await takeOffice(this.#components, { ...this.#init, signal }));
        return;
      } catch (error) {
        if (signal.aborted) return;
        const message = errorText(error);
        if (this.#state.kind !== 'waiting' || this.#state.message !== message) {
          log.error('this controller cannot publish yet, will try again', { error: message });
        }
        this.#state = { kind: 'waiting', message };
      }
      await clock.sleep(backoff.nextMs(), signal).catch(() => undefined); // only close() aborts it
    }
  }

  #begin(epoch: number): void {
    const { cluster, writerId, signing, roster, records } = this.#init;
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
      onFenced: () => {
        this.#state = { kind: 'fenced' };
      },
    });
    this.#state = { kind: 'writing' };
    this.#publisher.withBeatInfo(this.#beatInfo);
    this.#publisher.publish(records(), 'availability');
  }
}
