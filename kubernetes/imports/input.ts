import type { ClusterId, NetworkId, ServiceKey, ServicePortKey } from '../../federation/model/ids.ts';
import type { LocalService } from '../../federation/model/local.ts';
import type { MergedService } from '../../federation/model/state.ts';
import type { PresentImport } from './present.ts';

/**
 * All that decides what this cluster imports. Values are compared by identity: what did not change must be the same object
 * as last time, and maps are best `SortedMap`s, of which shared parts are passed over.
 */
export interface ImportsInput {
  readonly site: ImportsSite;
  /** Of the merged state. */
  readonly services: ReadonlyMap<ServiceKey, MergedService>;
  /** Of the local view: the own share of what this cluster exports itself. */
  readonly local: ReadonlyMap<ServiceKey, LocalService>;
  /** A namespace that is not in it does not exist. */
  readonly namespaces: ReadonlyMap<string, NamespaceState>;
  /** The gateway port of each imported service port. */
  readonly ports: ReadonlyMap<ServicePortKey, number>;
  /** Own gateway pods that are ready. */
  readonly gateways: readonly GatewayPod[];
  /** See `PresentIndex`. Complete: the reflectors have seen their first list. */
  readonly present: ReadonlyMap<ServiceKey, PresentImport>;
  /** Derived Services that cannot be written, with the reason why: `Applier.problems` by service. */
  readonly troubles?: ReadonlyMap<ServiceKey, string> | undefined;
  /**
   * False until the first news of every store and peer: unknown is not empty. Until then no import is changed or removed
   * that is there; only gateway pods are exchanged in them, because pods come and go in the dark too.
   */
  readonly complete: boolean;
}

export type IpFamily = 'IPv4' | 'IPv6';

export type NamespaceState = 'active' | 'terminating';

export interface ImportsSite {
  readonly cluster: ClusterId;
  readonly network: NetworkId;
  readonly zone?: string | undefined;
  /** Pods of other clusters of this network are reached directly. */
  readonly directPods: boolean;
  /** Of this cluster's pods, the first one first. */
  readonly ipFamilies: readonly IpFamily[];
  /** Pod and service ranges of this cluster, CIDR: no endpoint of another cluster may lie in them. */
  readonly ownRanges: readonly string[];
  /** A clusterset made with `--dev`: loopback is an address like others. */
  readonly dev: boolean;
}

export interface GatewayPod {
  /** Name of the pod. */
  readonly name: string;
  /** At most one of each family. */
  readonly addresses: readonly string[];
  readonly zone?: string | undefined;
  readonly nodeName?: string | undefined;
}
