import type { HeadOrder } from '../../federation/model/head.ts';

/**
 * What a fault suite writes down while it runs, so that the invariants I1 to I10 can be judged afterwards by code that
 * knows nothing of the run. Facts only, in the order in which they were seen; whoever records one saw it itself.
 */
export interface At {
  /** ms on one clock for the whole history, whichever the suite chose. */
  readonly atMs: number;
}

/** Everything that makes one state of a cluster that state and no other. */
export interface StateFacts {
  readonly cluster: string;
  readonly order: HeadOrder;
  /** Hex, as the head signs it. */
  readonly digest: string;
  /** Record key -> hex sha256 of its octets. Absent for a beat, which brings no records. */
  readonly records?: Readonly<Record<string, string>> | undefined;
}

export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

export type Fact =
  /** From here on `cluster` wants the others to see this content: the oracle for I4. */
  | { readonly kind: 'desired'; readonly cluster: string; readonly digest: string }
  /**
   * `cluster` itself signed this. `gateways`: the addresses in it. `forbidden`: the clause of the importers' rules that
   * it breaks; absent for what they must accept.
   */
  | ({
      readonly kind: 'published';
      readonly gateways?: readonly Endpoint[] | undefined;
      readonly forbidden?: string | undefined;
    } & StateFacts)
  /** The store confirmed the write. */
  | { readonly kind: 'stored'; readonly cluster: string; readonly order: HeadOrder }
  /** A reader was handed this by its store; nothing is said yet about whether it believes it. */
  | { readonly kind: 'received'; readonly reader: string; readonly cluster: string; readonly order: HeadOrder }
  /** A reader took this as the state of `cluster`. `run` counts the starts of the reader's process. */
  | ({
      readonly kind: 'applied';
      readonly reader: string;
      readonly run: number;
      readonly origin: 'store' | 'disk';
      /** Version of the roster by which it was judged. Default: the newest that the reader trusts by then. */
      readonly roster?: number | undefined;
    } & StateFacts)
  | {
      readonly kind: 'rejected';
      readonly reader: string;
      readonly cluster: string;
      readonly clause: string;
      readonly reason: string;
    }
  /** The roster that a reader trusts from now on. `members`: active ones with their incarnation. */
  | {
      readonly kind: 'roster';
      readonly reader: string;
      /** Default: `store`. */
      readonly origin?: 'store' | 'disk' | undefined;
      readonly version: number;
      readonly digest: string;
      readonly members: Readonly<Record<string, number>>;
    }
  /** The authority signed this roster. */
  | { readonly kind: 'rosterSigned'; readonly version: number; readonly digest: string }
  | { readonly kind: 'rosterRejected'; readonly reader: string; readonly reason: string }
  /** A reader no longer holds `cluster`. */
  | { readonly kind: 'withdrawn'; readonly reader: string; readonly cluster: string }
  /** All clusters of which a reader holds a state at this moment. */
  | { readonly kind: 'holds'; readonly reader: string; readonly clusters: readonly string[] }
  /**
   * The reader crashed, or a test took away what it had kept on disk: it may forget states, and which beat of a version it
   * saw last (beats are not worth a write), never which version.
   */
  | { readonly kind: 'diskLost'; readonly reader: string }
  | { readonly kind: 'reader'; readonly reader: string; readonly run: number; readonly state: 'started' | 'stopped' }
  | { readonly kind: 'verdict'; readonly reader: string; readonly cluster: string; readonly verdict: string }
  | { readonly kind: 'stale'; readonly reader: string; readonly cluster: string }
  /**
   * The reader showed a rejection or a staleness to its operator. `shown` is the name that the surface gives it: the
   * reason of the rejection, or `stale`.
   */
  | {
      readonly kind: 'shown';
      readonly reader: string;
      readonly cluster: string;
      readonly shown: string;
      readonly where: Surface;
    }
  /** The remote endpoints of `origin` that an Envoy of `reader` acknowledged, read from the Envoy. */
  | {
      readonly kind: 'envoy';
      readonly gateway: string;
      readonly reader: string;
      readonly origin: string;
      readonly endpoints: readonly Endpoint[];
    }
  /** Requests of one caller since its last such fact. */
  | {
      readonly kind: 'requests';
      readonly caller: string;
      readonly ok: number;
      readonly failed: number;
      readonly detail?: string | undefined;
    }
  /** A call to a name, by somebody who may or may not reach it. */
  | {
      readonly kind: 'probe';
      readonly from: string;
      readonly name: string;
      readonly exported: boolean;
      readonly reached: boolean;
    }
  | {
      readonly kind: 'fault';
      readonly name: string;
      readonly plane: 'control' | 'data';
      readonly state: 'begun' | 'ended';
    }
  /** Every fault is over: from here on the bound of I4 runs. */
  | { readonly kind: 'healed' }
  | { readonly kind: 'root'; readonly holder: string; readonly root: string; readonly state: 'held' | 'dropped' }
  | {
      readonly kind: 'leaf';
      readonly cluster: string;
      readonly leaf: string;
      readonly root: string;
      readonly state: 'used' | 'retired';
    }
  | { readonly kind: 'bounds'; readonly process: string; readonly max: Usage }
  | { readonly kind: 'usage'; readonly process: string; readonly used: Usage }
  /** What was seen on a wire between two gateways. */
  | { readonly kind: 'wire'; readonly link: string; readonly octets: number; readonly plaintextOctets: number };

export type Surface = 'metric' | 'event' | 'status';

export interface Usage {
  readonly rssBytes?: number | undefined;
  readonly fileDescriptors?: number | undefined;
  readonly queued?: number | undefined;
}

export type HistoryEvent = At & Fact;
export type History = readonly HistoryEvent[];

export type EventOf<K extends Fact['kind']> = Extract<HistoryEvent, { kind: K }>;

/** The events of one kind, in order. */
export function eventsOf<K extends Fact['kind']>(history: History, kind: K): readonly EventOf<K>[] {
  return history.filter((event): event is EventOf<K> => event.kind === kind);
}
