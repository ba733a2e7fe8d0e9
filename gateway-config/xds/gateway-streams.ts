import type { Clock } from '../../runtime/clock.ts';
import type { Logger } from '../../runtime/log.ts';
import type { CounterHandle, GaugeHandle, Metrics } from '../../runtime/metrics.ts';
import { EMPTY_SNAPSHOT, type Snapshot, TYPE_URL, type TypeUrl } from '../snapshot.ts';
import { Continuity } from './continuity.ts';
import { Ledger } from './ledger.ts';
import { XdsSession } from './session.ts';
import { type FrameCall, type RecordedEffect, XdsStream } from './stream.ts';

/**
 * All ADS streams of one snapshot: who is connected, what each is told, what each acknowledged. Knows no gRPC, so that
 * the agent serves from its kept configuration with the same code as the controller.
 */

/** Envoys of one gateway set and their reconnects; far above any real set, far below what memory allows. */
export const STREAMS_MAX = 256;
/** Gateways whose refusals are remembered after they have gone. */
const GATEWAYS_REMEMBERED_MAX = 1024;
/** Those of which the ledger is kept: as many as a Site can name. Pods never come back under their name. */
export const GATEWAYS_GONE_MAX = 64;

export interface GatewayStreamsInit {
  /**
   * `refuse`: streams are unavailable until the first snapshot, so that an agent serves from what it kept.
   * `hold`: they are accepted and answered with the first snapshot.
   */
  readonly untilFirstSnapshot: 'refuse' | 'hold';
  /** Two streams of one gateway: `replace` when the older one must be dead (ADS), `keep` when both may live (SDS). */
  readonly sameGateway: 'replace' | 'keep';
}

export class GatewayStreams {
  readonly ledger = new Ledger();
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #metrics: StreamMetrics;
  readonly #init: GatewayStreamsInit;
  readonly #open = new Map<FrameCall, { readonly stream: XdsStream; gateway?: string }>();
  readonly #byGateway = new Map<string, FrameCall>();
  readonly #continuity = new Map<string, Continuity>();
  /** Not connected any more, in the order of their going. */
  readonly #gone = new Set<string>();
  #snapshot: Snapshot = EMPTY_SNAPSHOT;
  #ready = false;

  constructor(components: { clock: Clock; log: Logger; metrics: Metrics }, init: GatewayStreamsInit) {
    this.#init = init;
    this.#clock = components.clock;
    this.#log = components.log;
    this.#metrics = streamMetrics(components.metrics);
  }

  /** False until the first snapshot: nothing is served before it, because an empty answer would empty the gateways. */
  get ready(): boolean {
    return this.#ready;
  }

  get snapshot(): Snapshot {
    return this.#snapshot;
  }

  setSnapshot(snapshot: Snapshot): void {
    this.#snapshot = snapshot;
    this.#ready = true;
    for (const { stream } of this.#open.values()) stream.update(snapshot);
  }

  /**
   * @param claimed the gateway that the transport vouches for; its node id must be the same
   * @returns undefined, and a failed call, when no stream can be served now
   */
  open(call: FrameCall, claimed: string | undefined): XdsStream | undefined {
    if (this.#open.size >= STREAMS_MAX) {
      call.fail('unavailable', 'too many streams');
      return undefined;
    }
    if (!this.#ready && this.#init.untilFirstSnapshot === 'refuse') {
      call.fail('unavailable', 'no configuration yet');
      return undefined;
    }
    const stream = new XdsStream(
      { clock: this.#clock, log: this.#log },
      {
        call,
        snapshot: this.#ready ? this.#snapshot : undefined,
        open: (node) => (claimed === undefined || claimed === node.id ? this.#identified(call, node.id) : undefined),
        record: (effect) => this.#record(call, effect),
      },
    );
    this.#open.set(call, { stream });
    this.#metrics.streams.set(this.#open.size);
    return stream;
  }

  closed(call: FrameCall): void {
    const entry = this.#open.get(call);
    if (entry === undefined) return;
    entry.stream.close();
    this.#open.delete(call);
    this.#metrics.streams.set(this.#open.size);
    const { gateway } = entry;
    if (gateway === undefined || this.#byGateway.get(gateway) !== call) return;
    this.#byGateway.delete(gateway);
    this.ledger.disconnect(gateway);
    this.#remember(gateway);
    this.#log.info('gateway disconnected', { gateway });
  }

  /** Ends every stream. Envoys keep what they have and come back. */
  failAll(message: string): void {
    for (const call of [...this.#open.keys()]) {
      this.closed(call);
      call.fail('unavailable', message);
    }
  }

  #identified(call: FrameCall, gateway: string): XdsSession {
    const earlier = this.#byGateway.get(gateway);
    if (earlier !== undefined && this.#init.sameGateway === 'replace') {
      // The gateway reconnected before we noticed that its old stream is dead: the newest stream is the living one.
      this.closed(earlier);
      earlier.fail('unavailable', 'replaced by a newer stream of the same gateway');
    }
    this.#byGateway.set(gateway, call);
    const entry = this.#open.get(call);
    if (entry !== undefined) entry.gateway = gateway;
    this.#gone.delete(gateway);
    this.ledger.connect(gateway);
    this.#log.info('gateway connected', { gateway });
    return new XdsSession({ continuity: this.#continuityOf(gateway) });
  }

  #remember(gateway: string): void {
    this.#gone.add(gateway);
    for (const name of this.#gone) {
      if (this.#gone.size <= GATEWAYS_GONE_MAX) return;
      this.#gone.delete(name);
      this.ledger.forget(name);
    }
  }

  #continuityOf(gateway: string): Continuity {
    const known = this.#continuity.get(gateway);
    const continuity = known ?? new Continuity();
    // Most recently seen last, so that the first is the one to forget.
    this.#continuity.delete(gateway);
    this.#continuity.set(gateway, continuity);
    for (const [name] of this.#continuity) {
      if (this.#continuity.size <= GATEWAYS_REMEMBERED_MAX) break;
      this.#continuity.delete(name);
    }
    return continuity;
  }

  #record(call: FrameCall, effect: RecordedEffect): void {
    const gateway = this.#open.get(call)?.gateway;
    if (gateway === undefined) return;
    const type = shortType(effect.type);
    if (effect.kind === 'send') {
      this.#metrics.resources.add({ type }, effect.resources.length);
      return;
    }
    if (effect.kind === 'refused') {
      this.#metrics.refused.add({ type });
      const { name, version, message } = effect;
      this.#log.warn('gateway refused a resource', { gateway, type, name, version, reason: message });
    }
    this.ledger.record(gateway, effect);
  }
}

interface StreamMetrics {
  readonly streams: GaugeHandle;
  readonly resources: CounterHandle;
  readonly refused: CounterHandle;
}

function streamMetrics(metrics: Metrics): StreamMetrics {
  return {
    streams: metrics.gauge('isthmus_xds_streams', 'Open ADS streams.'),
    resources: metrics.counter('isthmus_xds_resources_sent_total', 'Resources sent to gateways.', ['type']),
    refused: metrics.counter('isthmus_xds_resources_refused_total', 'Resources that a gateway refused.', ['type']),
  };
}

const SHORT_TYPES = new Map(Object.entries(TYPE_URL).map(([short, url]) => [url, short]));

/** `cluster` for `type.googleapis.com/envoy.config.cluster.v3.Cluster`: label values and log fields. */
export function shortType(type: TypeUrl): string {
  return SHORT_TYPES.get(type) ?? type;
}
