/** What the bench and a measured controller, which runs in a process of its own, say to each other. */
export interface ReaderInit {
  readonly cluster: string;
  readonly stateDir: string;
  readonly storeUrl: string;
  readonly imports?: readonly string[] | undefined;
  /** How many clusters' views make the state complete. */
  readonly members: number;
}

export interface ReaderUsage {
  /** CPU time of the process so far. */
  readonly cpuMs: number;
  /** Of its main thread alone: what it cannot share with another core. */
  readonly mainCpuMs: number;
  readonly rssBytes: number;
  readonly heapBytes: number;
  /** CLOCK_MONOTONIC. */
  readonly atMs: number;
  readonly derivations: number;
  /** Milliseconds from the signature of a head to the moment when what it covers was derived, since the last report. */
  readonly latenciesMs: readonly number[];
}

export interface ReaderState {
  readonly services: number;
  /** Names of the snapshot's resources that were made. */
  readonly resources: number;
  /** `stateHash` of the merged state. */
  readonly hash: string;
  /** Newest version in force of each cluster. */
  readonly versions: Readonly<Record<string, number>>;
}

export type ReaderReport =
  /** Every member is verified, merged and compiled, and gateways could be programmed with all of it. */
  | {
      readonly is: 'complete';
      /** All three in milliseconds since the process was started. */
      readonly loadedMs: number;
      /** The last member was verified. */
      readonly verifiedMs: number;
      readonly sinceStartMs: number;
      readonly usage: ReaderUsage;
    }
  | { readonly is: 'usage'; readonly usage: ReaderUsage }
  | { readonly is: 'state'; readonly state: ReaderState };

export type ReaderRequest = 'usage' | 'state' | 'stop';
