/**
 * The second pure step: GatewayIR to xDS resources. A part of the IR that keeps its identity keeps its resources without
 * being looked into, so the cost follows the change.
 */
import type { ClusterId } from '../../federation/model/ids.ts';
import { compareText } from '../../federation/model/ids.ts';
import type { EgressIR, ExportIR, GatewayIR, IngressIR, PeerIR } from '../ir.ts';
import { exportCluster } from './cluster-export.ts';
import { localCluster } from './cluster-local.ts';
import { peerCluster } from './cluster-peer.ts';
import { tcpCluster } from './cluster-tcp.ts';
import type { TypedResource } from './encode.ts';
import { exportEndpoints, localEndpoints, peerEndpoints, tcpEndpoints } from './endpoints.ts';
import type { Frame } from './frame.ts';
import { frameOf } from './frame.ts';
import { eastWestListener } from './listener-east-west.ts';
import { egressHttpListener } from './listener-egress-http.ts';
import { egressTcpListener } from './listener-egress-tcp.ts';
import { egressRoute } from './route-egress.ts';
import { ingressRoute } from './route-ingress.ts';
import { anchorSecret } from './secrets.ts';
import type { Resource, ResourceMap, Snapshot, TypeUrl } from '../snapshot.ts';
import { TYPE_ORDER } from '../snapshot.ts';

export interface PreviousSnapshot {
  readonly ir: GatewayIR;
  readonly snapshot: Snapshot;
}

/** A part of the IR and the other values that its resources were made from. */
interface Made {
  readonly from: readonly unknown[];
  readonly resources: readonly TypedResource[];
}

type Key = string;

/** What was made for each snapshot. Kept only as long as the snapshot is. */
const madeFor = new WeakMap<Snapshot, { readonly frame: Frame; readonly parts: ReadonlyMap<Key, Made> }>();

export function toSnapshot(ir: GatewayIR, previous?: PreviousSnapshot): Snapshot {
  const last = previous === undefined ? undefined : madeFor.get(previous.snapshot);
  if (previous !== undefined && last !== undefined && previous.ir === ir) return previous.snapshot;
  const frame = frameOf(ir, last?.frame);
  const parts = makeParts(frame, ir, last?.frame === frame ? last.parts : new Map());
  const snapshot = assemble(parts, previous?.snapshot);
  madeFor.set(snapshot, { frame, parts });
  return snapshot;
}

function makeParts(frame: Frame, ir: GatewayIR, last: ReadonlyMap<Key, Made>): ReadonlyMap<Key, Made> {
  const parts = new Map<Key, Made>();
  const peers = new Map<string, PeerIR>(ir.peers.map((peer) => [peer.cluster, peer]));
  const make = (key: Key, from: readonly unknown[], build: () => readonly TypedResource[]): void => {
    const known = last.get(key);
    const unchanged = known?.from.length === from.length && known.from.every((value, index) => value === from[index]);
    parts.set(key, unchanged ? known : { from, resources: build() });
  };
  for (const peer of ir.peers) make(`peer ${peer.cluster}`, [peer], () => peerResources(frame, peer));
  for (const item of ir.exports) make(`export ${item.service}`, [item], () => exportResources(item));
  for (const item of ir.ingress) make(`ingress ${item.caller}`, [item], () => ingressResources(frame, item));
  for (const item of ir.egress) {
    const build = (): readonly TypedResource[] => egressResources(frame, item, peers);
    make(`egress ${item.service}`, [item, ...peersBehind(item, peers)], build);
  }
  make('east-west', [ir.eastWest, ir.peers, ir.ingress], () => optional(eastWestListener(frame, ir)));
  return parts;
}

/** The listener and the routes of a TCP service depend on its peers' gateways and certificates; an HTTP service knows their names only. */
function peersBehind(egress: EgressIR, peers: ReadonlyMap<string, PeerIR>): readonly (PeerIR | undefined)[] {
  if (egress.protocol !== 'tcp') return [];
  const named: readonly ClusterId[] = [
    ...(egress.carriers ?? []),
    ...egress.tiers.flat().map(({ cluster }) => cluster),
  ];
  return named.map((cluster) => peers.get(cluster));
}

function peerResources(frame: Frame, peer: PeerIR): readonly TypedResource[] {
  return [peerCluster(frame, peer), peerEndpoints(peer), anchorSecret(peer)];
}

function exportResources(item: ExportIR): readonly TypedResource[] {
  return [exportCluster(item), exportEndpoints(item)];
}

function ingressResources(frame: Frame, item: IngressIR): readonly TypedResource[] {
  return [ingressRoute(frame, item)];
}

function egressResources(frame: Frame, item: EgressIR, peers: ReadonlyMap<string, PeerIR>): readonly TypedResource[] {
  if (item.protocol === 'tcp') {
    return [egressTcpListener(frame, item), tcpCluster(frame, item, peers), tcpEndpoints(frame, item, peers)];
  }
  const local = item.local.length === 0 ? [] : [localCluster(frame, item), localEndpoints(item)];
  return [egressHttpListener(frame, item), egressRoute(frame, item), ...local];
}

function optional(resource: TypedResource | undefined): readonly TypedResource[] {
  return resource === undefined ? [] : [resource];
}

/** Types whose resources are all the same as before keep their map, so that a reader need not compare them. */
function assemble(parts: ReadonlyMap<Key, Made>, previous: Snapshot | undefined): Snapshot {
  const byType = new Map<TypeUrl, Resource[]>(TYPE_ORDER.map((type) => [type, []]));
  for (const { resources } of parts.values()) {
    for (const { type, resource } of resources) byType.get(type)?.push(resource);
  }
  const resources = new Map<TypeUrl, ResourceMap>();
  for (const [type, list] of byType) resources.set(type, sortedMap(list, previous?.resources.get(type)));
  return { resources };
}

function sortedMap(list: Resource[], previous: ResourceMap | undefined): ResourceMap {
  const map = new Map<string, Resource>();
  for (const resource of list.sort((left, right) => compareText(left.name, right.name))) {
    const known = previous?.get(resource.name);
    map.set(resource.name, known?.version === resource.version ? known : resource);
  }
  const unchanged = previous?.size === map.size && [...map].every(([name, item]) => previous.get(name) === item);
  return unchanged ? previous : map;
}
