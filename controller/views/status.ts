import type { Finding } from '../../runtime/errors.ts';
import { API_VERSION } from '../../sources/documents/validate.ts';
import type { StoreStanding } from '../store-standings.ts';
import type { ClusterItem } from './clusters.ts';
import type { GatewayItem } from './gateways.ts';
import { secondsSince } from './objects.ts';
import { storeList } from './stores.ts';
import { type RoleInput, type RoleObject, roleObject } from './role.ts';

/** `isthmus status`: one page on which an operator sees whether this site is well, and if not, where to look. */
export interface StatusObject {
  readonly apiVersion: typeof API_VERSION;
  readonly kind: 'Status';
  readonly cluster: string;
  readonly clusterset: string;
  readonly network: string;
  readonly version: string;
  readonly uptimeSeconds: number;
  /** As `/readyz` answers. */
  readonly ready: boolean;
  readonly checks: readonly { readonly name: string; readonly ok: boolean; readonly message?: string }[];
  readonly stores: readonly StoreStatus[];
  readonly peers: PeerCounts;
  readonly gateways: {
    readonly total: number;
    readonly connected: number;
    readonly pending: number;
    readonly refused: number;
  };
  readonly services: { readonly exported: number; readonly callable: number; readonly conflicts: number };
  readonly certificates: readonly CertificateStatus[];
  readonly rosterVersion: number;
  readonly role: RoleObject;
  /** What is wrong now, worst first: the same findings that log and metrics show. */
  readonly findings: readonly Finding[];
}

export interface StoreStatus {
  /** Without its secrets. */
  readonly url: string;
  readonly up: boolean;
  /** How long it has been so. */
  readonly forSeconds: number;
  /** Further as `isthmus get stores` shows it. */
  readonly behind?: number;
  readonly pending?: boolean;
  readonly message?: string;
}

export interface PeerCounts {
  readonly total: number;
  readonly live: number;
  readonly stale: number;
  readonly unreachable: number;
  readonly gone: number;
  readonly unknown: number;
}

export interface CertificateStatus {
  /** e.g. `root`, `cluster-ca`, `gateway/main` */
  readonly name: string;
  /** RFC 3339, UTC. */
  readonly notAfter: string;
  readonly remainingSeconds: number;
}

export interface StatusInput {
  readonly cluster: string;
  readonly clusterset: string;
  readonly network: string;
  readonly version: string;
  readonly startedMonotonicMs: number;
  readonly nowMonotonicMs: number;
  readonly nowEpochMs: number;
  readonly checks: readonly { readonly name: string; readonly ok: boolean; readonly message?: string | undefined }[];
  readonly stores: readonly StoreStanding[];
  /** Of `clusterList` and `gatewayList`: the same facts as the other commands show. */
  readonly clusters: readonly ClusterItem[];
  readonly gateways: readonly GatewayItem[];
  readonly services: { readonly exported: number; readonly callable: number; readonly conflicts: number };
  readonly certificates: readonly { readonly name: string; readonly notAfterMs: number }[];
  readonly rosterVersion: number;
  readonly role: RoleInput;
  readonly findings: readonly Finding[];
}

export function status(input: StatusInput): StatusObject {
  const { cluster, clusterset, network, version, services, rosterVersion, nowMonotonicMs } = input;
  return {
    apiVersion: API_VERSION,
    kind: 'Status',
    cluster,
    clusterset,
    network,
    version,
    uptimeSeconds: secondsSince(input.startedMonotonicMs, nowMonotonicMs),
    ready: input.checks.every(({ ok }) => ok),
    checks: input.checks.map(({ name, ok, message }) => ({ name, ok, ...(message === undefined ? {} : { message }) })),
    stores: storeList(input).items.map(({ spec, status: { link, forSeconds, behind, pending, message } }) => ({
      url: spec.url,
      up: link === 'up',
      forSeconds,
      ...(behind === undefined ? {} : { behind }),
      ...(pending === undefined ? {} : { pending }),
      ...(message === undefined ? {} : { message }),
    })),
    peers: countPeers(input.clusters),
    gateways: countGateways(input.gateways, cluster),
    services,
    certificates: input.certificates.map(({ name, notAfterMs }) => ({
      name,
      notAfter: new Date(notAfterMs).toISOString(),
      remainingSeconds: Math.floor((notAfterMs - input.nowEpochMs) / 1_000),
    })),
    rosterVersion,
    role: roleObject(input.role),
    findings: worstFirst(input.findings),
  };
}

function countPeers(clusters: readonly ClusterItem[]): PeerCounts {
  const peers = clusters.filter(({ status: { self, membership } }) => !self && membership !== 'removed');
  const count = (verdict: ClusterItem['status']['liveness']): number =>
    peers.filter((peer) => peer.status.liveness === verdict).length;
  return {
    total: peers.length,
    live: count('Live'),
    stale: count('Stale'),
    unreachable: count('Unreachable'),
    gone: count('Gone'),
    unknown: count('Unknown'),
  };
}

function countGateways(gateways: readonly GatewayItem[], self: string): StatusObject['gateways'] {
  const own = gateways.filter(({ spec }) => spec.cluster === self);
  const programmed = own.flatMap(({ status: { programmed: one } }) => (one === undefined ? [] : [one]));
  return {
    total: own.length,
    connected: programmed.filter(({ connected }) => connected).length,
    pending: programmed.reduce((sum, { pending }) => sum + pending, 0),
    refused: programmed.reduce((sum, { refused }) => sum + refused.length, 0),
  };
}

function worstFirst(findings: readonly Finding[]): readonly Finding[] {
  const rank = ({ severity }: Finding): number => (severity === 'error' ? 0 : 1);
  return findings.toSorted((left, right) => rank(left) - rank(right));
}
