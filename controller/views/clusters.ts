import { compareText, type ClusterId } from '../../federation/model/ids.ts';
import type { ClusterView, FederationState, LivenessVerdict } from '../../federation/model/state.ts';
import type { RosterMember } from '../../trust/contract.ts';
import { type ListObject, listOf, type Metadata, secondsSince } from './objects.ts';

/** `isthmus get clusters`: every member, as this cluster sees it. */
export interface ClusterItem {
  readonly metadata: Metadata;
  /** From its records; absent until the first valid ones arrived. */
  readonly spec?: {
    readonly network: string;
    readonly region?: string | undefined;
    readonly zone?: string | undefined;
    readonly softwareVersion: string;
  };
  readonly status: {
    /** This cluster itself. */
    readonly self: boolean;
    /** As the authority's roster says. */
    readonly membership: RosterMember['status'] | 'unknown';
    /** `Unknown`: nothing valid was heard of it in this process's life or on its disk. */
    readonly liveness: LivenessVerdict | 'Unknown';
    /** Stable word, e.g. `HeadStale`. */
    readonly reason: string;
    readonly message: string;
    /** How long the verdict holds. */
    readonly forSeconds?: number;
    /** Whether its endpoints get traffic from here, apart from standby. */
    readonly serving: boolean;
    readonly gateways: number;
    /** Exported services. */
    readonly services: number;
    readonly head?: {
      readonly incarnation: number;
      readonly epoch: number;
      readonly version: number;
      readonly beat: number;
    };
    /** Why its newest news is not used, when that is so: its last good is. */
    readonly rejected?: string;
  };
}

export interface ClustersInput {
  readonly state: FederationState;
  readonly members: readonly Pick<RosterMember, 'cluster' | 'status'>[];
  /** Clusters whose newest head was refused, with the reason. */
  readonly rejections: ReadonlyMap<ClusterId, string>;
  readonly nowMonotonicMs: number;
}

export function clusterList(input: ClustersInput): ListObject<'Cluster', ClusterItem> {
  const { state, members } = input;
  const names = new Set<ClusterId>([state.self, ...state.peers.keys(), ...members.map(({ cluster }) => cluster)]);
  const sorted = [...names].toSorted(compareText);
  return listOf(
    'Cluster',
    sorted.map((cluster) => clusterItem(cluster, input)),
  );
}

function clusterItem(cluster: ClusterId, input: ClustersInput): ClusterItem {
  const { state, members, rejections } = input;
  const self = cluster === state.self;
  const view = self ? state.own : state.peers.get(cluster)?.view;
  const membership = members.find((member) => member.cluster === cluster)?.status ?? 'unknown';
  const rejected = rejections.get(cluster);
  return {
    metadata: { name: cluster },
    ...(view === undefined ? {} : { spec: specOf(view) }),
    status: {
      self,
      membership,
      ...(self ? SELF : peerStatus(cluster, input)),
      gateways: view?.gateways.length ?? 0,
      services: view?.services.size ?? 0,
      ...(view === undefined ? {} : { head: headOf(view) }),
      ...(rejected === undefined ? {} : { rejected }),
    },
  };
}

const SELF = { liveness: 'Live', reason: 'Self', message: 'this cluster', serving: true } as const;

type PeerStatus = Pick<ClusterItem['status'], 'liveness' | 'reason' | 'message' | 'serving' | 'forSeconds'>;

function peerStatus(cluster: ClusterId, { state, nowMonotonicMs }: ClustersInput): PeerStatus {
  const peer = state.peers.get(cluster);
  if (peer === undefined) {
    const message = 'it is a member, but no valid records of it have arrived';
    return { liveness: 'Unknown', reason: 'NothingHeard', message, serving: false };
  }
  const { verdict, reason, message, sinceMs } = peer.liveness;
  const forSeconds = secondsSince(sinceMs, nowMonotonicMs);
  return { liveness: verdict, reason, message, forSeconds, serving: peer.serving };
}

function specOf({ info }: ClusterView): NonNullable<ClusterItem['spec']> {
  const { network, region, zone, softwareVersion } = info;
  return {
    network,
    ...(region === undefined ? {} : { region }),
    ...(zone === undefined ? {} : { zone }),
    softwareVersion,
  };
}

function headOf({ head }: ClusterView): NonNullable<ClusterItem['status']['head']> {
  const { incarnation, epoch, version, beat } = head;
  return { incarnation, epoch, version, beat };
}
