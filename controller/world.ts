import type { FailoverOrders } from '../federation/model/failover-order.ts';
import type { ClusterId, ServicePortKey } from '../federation/model/ids.ts';
import type { ImportFilter } from '../federation/model/imports.ts';
import type { LocalView } from '../federation/model/local.ts';
import type { OwnSite } from '../federation/model/own-records.ts';
import type { ChainRecord, GatewayRecord } from '../federation/model/records.ts';
import type { ClusterView, ImportPins, Liveness } from '../federation/model/state.ts';
import type { CompileSite } from '../gateway-config/compile.ts';
import type { VoidToken } from '../gateway-config/ir.ts';
import type { Roster } from '../trust/contract.ts';

/**
 * Everything the controller knows, as one immutable value. The rim replaces parts of it (sources, subscriber, agents,
 * time); `derive` turns it into what is published and what gateways get. Nothing here is ever emptied because
 * knowledge is missing: a part is replaced by newer knowledge or stays.
 */
export interface World {
  readonly site: OwnSite & CompileSite;
  readonly gateways: readonly GatewayRecord[];
  readonly local: LocalView;
  readonly roster: Roster;
  /** Verified views of the other members, by cluster. */
  readonly views: ReadonlyMap<ClusterId, ClusterView>;
  /** What of them this site wants. Absent: everything. */
  readonly imports?: ImportFilter | undefined;
  /** Which clusters may supply a namespace. Absent: any. */
  readonly pins?: ImportPins | undefined;
  /** Explicit failover order. Absent: nearest first. */
  readonly failover?: FailoverOrders | undefined;
  /** This cluster says goodbye to the clusterset. */
  readonly leaving?: boolean | undefined;
  readonly health: ReadonlyMap<ClusterId, PeerStanding>;
  /** Failed checks of own endpoints, as `endpointHealthKey` writes them. */
  readonly unhealthy: ReadonlySet<string>;
  /** Host names of gateways -> their addresses. */
  readonly addresses: ReadonlyMap<string, readonly string[]>;
  /** Gateway ports given out so far, kept in the state folder. */
  readonly ports: ReadonlyMap<ServicePortKey, number>;
  readonly voidToken: VoidToken;
  /** Vouches for the key that signs the own heads. */
  readonly chain: ChainRecord;
}

export interface PeerStanding {
  readonly liveness: Liveness;
  readonly serving: boolean;
}

/** Until the first sign of life nothing is known of a peer, and unknown keeps everything. */
export const UNKNOWN_STANDING: PeerStanding = {
  liveness: { verdict: 'Stale', reason: 'JustStarted', message: 'nothing heard of it since this start', sinceMs: 0 },
  serving: true,
};
