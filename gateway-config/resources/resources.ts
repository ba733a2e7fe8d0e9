/**
 * The second pure step: GatewayIR to xDS resources. A part of the IR that keeps its identity keeps its resources without
 * being looked into, so the cost follows the change.
 */
import { compareText } from '../../federation/model/ids.ts';
import type { EgressIR, ExportIR, GatewayIR, IngressIR, PeerIR } from '../ir.ts';
import type { Snapshot } from '../snapshot.ts';
import { EMPTY_SNAPSHOT } from '../snapshot.ts';
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
import { SnapshotEdit } from './snapshot-edit.ts';

export interface PreviousSnapshot {
  readonly ir: GatewayIR;
  readonly snapshot: Snapshot;
}

/** The resources of one part of the IR, and the values that they were made from. */
interface Made {
  readonly from: readonly unknown[];
  readonly resources: readonly TypedResource[];
}

/** One list of the IR. The same list under the same context needs no look at its items. */
interface Section<T> {
  readonly items: readonly T[];
  readonly context: unknown;
  /** One for each item. */
  readonly made: readonly Made[];
}

interface Sections {
  readonly peers: Section<PeerIR>;
  readonly exports: Section<ExportIR>;
  readonly ingress: Section<IngressIR>;
  readonly egress: Section<EgressIR>;
  readonly eastWest: Section<GatewayIR['eastWest']>;
}

interface SectionPlan<T> {
  /** Sorted by key. */
  readonly items: readonly T[];
  /** All that the items may depend on besides themselves and the frame. */
  readonly context: unknown;
  readonly keyOf: (item: T) => string;
  /** The part of the context that an item's resources are made from. */
  readonly alsoFrom: (item: T) => readonly unknown[];
  readonly build: (item: T) => readonly TypedResource[];
}

/** What was made for each snapshot. Kept only as long as the snapshot is. */
const madeFor = new WeakMap<Snapshot, { readonly frame: Frame; readonly sections: Sections }>();

export function toSnapshot(ir: GatewayIR, previous?: PreviousSnapshot): Snapshot {
  const last = previous === undefined ? undefined : madeFor.get(previous.snapshot);
  if (previous !== undefined && last !== undefined && previous.ir === ir) return previous.snapshot;
  const frame = frameOf(ir, last?.frame);
  const known = last?.frame === frame ? last.sections : undefined;
  const edit = new SnapshotEdit();
  const sections = makeSections(frame, ir, known, edit);
  const base = known === undefined ? EMPTY_SNAPSHOT : (previous?.snapshot ?? EMPTY_SNAPSHOT);
  const snapshot = edit.applyTo(base);
  madeFor.set(snapshot, { frame, sections });
  return snapshot;
}

function makeSections(frame: Frame, ir: GatewayIR, last: Sections | undefined, edit: SnapshotEdit): Sections {
  const peers = new Map<string, PeerIR>(ir.peers.map((peer) => [peer.cluster, peer]));
  const nothing = (): readonly unknown[] => [];
  return {
    peers: makeSection(last?.peers, edit, {
      items: ir.peers,
      context: undefined,
      keyOf: (peer) => peer.cluster,
      alsoFrom: nothing,
      build: (peer) => [peerCluster(frame, peer), peerEndpoints(peer), anchorSecret(peer)],
    }),
    exports: makeSection(last?.exports, edit, {
      items: ir.exports,
      context: undefined,
      keyOf: (item) => item.service,
      alsoFrom: nothing,
      build: exportResources,
    }),
    ingress: makeSection(last?.ingress, edit, {
      items: ir.ingress,
      context: undefined,
      keyOf: (item) => item.caller,
      alsoFrom: nothing,
      build: (item) => [ingressRoute(frame, item)],
    }),
    egress: makeSection(last?.egress, edit, {
      items: ir.egress,
      context: ir.peers,
      keyOf: (item) => item.service,
      alsoFrom: (item) => peersBehind(item, peers),
      build: (item) => egressResources(frame, item, peers),
    }),
    eastWest: makeSection(last?.eastWest, edit, {
      items: [ir.eastWest],
      // Always another list, so that the one item is looked at: it depends on two lists at once.
      context: [ir.peers, ir.ingress],
      keyOf: () => 'listener',
      alsoFrom: () => [ir.peers, ir.ingress],
      build: () => optional(eastWestListener(frame, ir)),
    }),
  };
}

/** Goes along both lists at once: of an item that is where it was, nothing but its identity is looked at. */
function makeSection<T>(last: Section<T> | undefined, edit: SnapshotEdit, plan: SectionPlan<T>): Section<T> {
  const { items, context, keyOf } = plan;
  if (last?.items === items && last.context === context) return last;
  const before = last?.items ?? [];
  const made: Made[] = [];
  let passed = 0;
  const dropWhile = (isGone: (item: T) => boolean): void => {
    for (let old = before[passed]; old !== undefined && isGone(old); old = before[passed]) {
      edit.replace(last?.made[passed]?.resources ?? [], []);
      passed += 1;
    }
  };
  for (const item of items) {
    if (item !== before[passed]) dropWhile((old) => compareText(keyOf(old), keyOf(item)) < 0);
    const old = before[passed];
    const isSame = old === item || (old !== undefined && keyOf(old) === keyOf(item));
    const known = isSame ? last?.made[passed] : undefined;
    if (isSame) passed += 1;
    const isUntouched = last?.context === context && old === item && known !== undefined;
    const next = isUntouched ? known : makeOne(known, item, plan);
    if (next !== known) edit.replace(known?.resources ?? [], next.resources);
    made.push(next);
  }
  dropWhile(() => true);
  return { items, context, made };
}

function makeOne<T>(known: Made | undefined, item: T, plan: SectionPlan<T>): Made {
  const from = [item, ...plan.alsoFrom(item)];
  const isSame = known?.from.length === from.length && known.from.every((value, index) => value === from[index]);
  return isSame ? known : { from, resources: plan.build(item) };
}

/** A TCP service's cluster and endpoints hold its peers' gateways and names; an HTTP service only names the peers' clusters. */
function peersBehind(egress: EgressIR, peers: ReadonlyMap<string, PeerIR>): readonly (PeerIR | undefined)[] {
  if (egress.protocol !== 'tcp') return [];
  const named = [...(egress.carriers ?? []), ...egress.tiers.flat().map(({ cluster }) => cluster)];
  return named.map((cluster) => peers.get(cluster));
}

function exportResources(item: ExportIR): readonly TypedResource[] {
  return [exportCluster(item), exportEndpoints(item)];
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
