import type { ClusterId } from '../federation/model/ids.ts';
import type { ChainRecord, RecordSet } from '../federation/model/records.ts';
import type { BeatInfo, Publisher } from '../federation/sync/publisher.ts';
import type { Urgency } from '../federation/sync/publish-pace.ts';
import type { Metrics } from '../runtime/metrics.ts';
import type { Roster } from '../trust/contract.ts';
import type { PrivateKey } from '../trust/private-key.ts';
import type { OfficeComponents } from './office.ts';
import type { SigningMaterial } from './signing-identity.ts';
import { Tenure, type TenureState } from './tenure.ts';

/**
 * The writing half of a controller: in the office or out of it. A sole controller takes the office at its start and keeps
 * it; one of several replicas is in office for as long as it leads. What others hand over (records, keys, news) they hand
 * over in any case. Reading and serving gateways go on through all of it.
 */
export type WriterState =
  | TenureState
  /** Not in office. */
  | { readonly kind: 'standby' };

export interface WriterInit {
  readonly cluster: ClusterId;
  readonly writerId: string;
  readonly roster: () => Roster;
  readonly signing: () => SigningMaterial;
  /** The newest desired state. */
  readonly records: () => RecordSet;
  /** Waits, for a bounded time, until the records can be trusted to say what holds. Default: they can from the start. */
  readonly untilKnown?: ((signal: AbortSignal) => Promise<void>) | undefined;
  /** A store has confirmed a version, and nothing newer waits. */
  readonly onPublished?: (() => void) | undefined;
  /** Another writer of this cluster has a higher epoch. */
  readonly onFenced?: (() => void) | undefined;
}

export class Writer {
  readonly #components: OfficeComponents & { readonly metrics: Metrics };
  readonly #init: WriterInit;
  #tenure: Tenure | undefined;
  #ended: Promise<void> = Promise.resolve();
  #isClosed = false;
  #beatInfo: BeatInfo = { rosterSeen: 0, acks: {} };

  constructor(components: OfficeComponents & { readonly metrics: Metrics }, init: WriterInit) {
    this.#components = components;
    this.#init = init;
  }

  get state(): WriterState {
    return this.#tenure?.state ?? { kind: 'standby' };
  }

  /** Undefined out of office. */
  get publisher(): Publisher | undefined {
    return this.#tenure?.publisher;
  }

  /** Takes the office anew, with a new epoch. Does not wait for the store. */
  begin({ transitions }: { readonly transitions?: number | undefined } = {}): void {
    // A replica may come to lead while it stops: what began then nobody would end.
    if (this.#isClosed) return;
    this.end();
    const after = this.#ended;
    this.#tenure = new Tenure(this.#components, { ...this.#init, transitions, after, beatInfo: this.#beatInfo });
  }

  /** Leaves the office at once. What is published stays published. */
  end(): void {
    const tenure = this.#tenure;
    this.#tenure = undefined;
    if (tenure !== undefined) this.#ended = Promise.all([this.#ended, tenure.close()]).then(() => undefined);
  }

  publish(records: RecordSet, urgency: Urgency): void {
    this.#tenure?.publish(records, urgency);
  }

  withBeatInfo(info: BeatInfo): void {
    this.#beatInfo = info;
    this.#tenure?.withBeatInfo(info);
  }

  renewKey(key: PrivateKey, chain: ChainRecord): void {
    this.#tenure?.renewKey(key, chain);
  }

  checkSoon(): void {
    this.#tenure?.publisher?.checkSoon();
  }

  /** Stops writing for good. What is published stays published. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.end();
    await this.#ended;
  }
}
