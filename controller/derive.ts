import { viewOfRecords } from '../federation/model/cluster-view.ts';
import { changedKeys } from '../federation/model/diff.ts';
import type { Head } from '../federation/model/head.ts';
import { HEAD_SCHEMA } from '../federation/model/head.ts';
import type { ClusterId, ServicePortKey } from '../federation/model/ids.ts';
import { compareText } from '../federation/model/ids.ts';
import { mergeState } from '../federation/model/merge.ts';
import { type OwnPlan, planOwnRecords } from '../federation/model/own-records.ts';
import { DEFAULT_RECORD_LIMITS } from '../federation/model/records.ts';
import type { ClusterView, FederationState, MergedService, PeerState } from '../federation/model/state.ts';
import { compile } from '../gateway-config/compile.ts';
import type { GatewayIR } from '../gateway-config/ir.ts';
import { allocatePorts, wantedPorts, wantedPortsOf } from '../gateway-config/ports.ts';
import { toSnapshot } from '../gateway-config/resources/resources.ts';
import type { Snapshot } from '../gateway-config/snapshot.ts';
import { IsthmusError } from '../runtime/errors.ts';
import type { Roster, RosterMember } from '../trust/contract.ts';
import { UNKNOWN_STANDING, type World } from './world.ts';

/** What this cluster tells the others. */
export interface OwnPart {
  readonly world: World;
  readonly own: OwnPlan;
  readonly ownView: ClusterView;
}

/**
 * The whole chain from knowledge to Envoy, as one pure function. With the result of the last run handed back, unchanged
 * parts keep their identity all the way down, so the work follows the change.
 */
export interface Derived extends OwnPart {
  /** The roster, but for members that said goodbye: they are let go before the authority has signed it. */
  readonly roster: Roster;
  readonly state: FederationState;
  /** Given to services so far, with what the newest imports needed. */
  readonly ports: ReadonlyMap<ServicePortKey, number>;
  readonly portsRefused: readonly ServicePortKey[];
  readonly ir: GatewayIR;
  readonly snapshot: Snapshot;
}

/** @param part what `deriveOwn` made of this world or of one before it. Default: what is in `previous` */
export function derive(world: World, previous?: Derived, part: OwnPart | undefined = previous): Derived {
  const roster = rosterInForce(world, previous);
  const { own, ownView } = deriveOwn(world, part);
  const state = mergeState(
    {
      self: world.site.cluster,
      own: ownView,
      peers: peersOf(world, roster, previous),
      imports: world.imports,
      pins: world.pins,
    },
    previous?.state,
  );
  const { ports, refused } = portsOf(world, state, previous);
  const { site, local, voidToken, unhealthy, addresses, failover } = world;
  const ir = compile({ site, local, roster, voidToken, unhealthy, addresses, failover, state, ports }, previous?.ir);
  const unchanged = previous !== undefined && previous.ir === ir;
  const snapshot = unchanged ? previous.snapshot : toSnapshot(ir, previous);
  return { world, roster, own, ownView, state, ports, portsRefused: refused, ir, snapshot };
}

/** The first part, for which the other clusters wait. */
export function deriveOwn(world: World, previous?: OwnPart): OwnPart {
  const own = ownOf(world, previous);
  return { world, own, ownView: ownViewOf(world, own, previous) };
}

function ownOf(world: World, previous: OwnPart | undefined): OwnPlan {
  const { site, gateways, local, unhealthy, chain, leaving } = world;
  const before = previous?.world;
  const same =
    before?.local === local &&
    before.unhealthy === unhealthy &&
    before.gateways === gateways &&
    before.chain === chain &&
    before.leaving === leaving &&
    before.site === site;
  if (previous !== undefined && same) return previous.own;
  return planOwnRecords({ site, gateways, local, unhealthy, chain, leaving }, previous?.own);
}

/** The merge sees the own cluster through the same records that the others see, so that all agree on conflicts. */
function ownViewOf(world: World, own: OwnPlan, previous: OwnPart | undefined): ClusterView {
  const { cluster } = world.site;
  const joinedAtMs = joinedAtOf(world.roster, cluster);
  if (previous?.own === own && previous.ownView.joinedAtMs === joinedAtMs) return previous.ownView;
  const head = previous?.ownView.head ?? ownHead(cluster);
  const view = viewOfRecords(
    { head, joinedAtMs, records: own.records, limits: DEFAULT_RECORD_LIMITS },
    previous === undefined ? undefined : { view: previous.ownView, records: previous.own.records },
  );
  if (!view.ok) throw new IsthmusError('own-records', `own records cannot be read back: ${view.message}`);
  return view.value;
}

/** The own view is never compared by order; its head only fills the place. */
function ownHead(cluster: ClusterId): Head {
  const nothing = { incarnation: 0, epoch: 0, writerId: '', version: 0, beat: 0, rosterSeen: 0, issuedAtMs: 0 };
  return { ...nothing, schema: HEAD_SCHEMA, cluster, digest: '', acks: {} };
}

function joinedAtOf(roster: Roster, cluster: ClusterId): number {
  return roster.members.find((member) => member.cluster === cluster)?.joinedAtMs ?? 0;
}

/** A goodbye counts for the life of the cluster that said it: one that has joined anew is another. */
function rosterInForce(world: World, previous: Derived | undefined): Roster {
  const { roster, views } = world;
  const gone = new Set([...views.values()].filter(saidGoodbye).map(lifeOf));
  if (gone.size === 0) return roster;
  const before = previous?.roster;
  if (previous?.world.roster === roster && before !== undefined && isWithout(before, gone)) return before;
  const members = roster.members.map((member): RosterMember => {
    return member.status === 'active' && gone.has(lifeOf({ cluster: member.cluster, head: member }))
      ? { ...member, status: 'removed' }
      : member;
  });
  return { ...roster, members };
}

function saidGoodbye({ info }: ClusterView): boolean {
  return info.goodbye === true;
}

function lifeOf({
  cluster,
  head,
}: {
  readonly cluster: ClusterId;
  readonly head: { readonly incarnation: number };
}): string {
  return `${cluster}/${head.incarnation}`;
}

/** Whether exactly these are taken out of it already. */
function isWithout(roster: Roster, gone: ReadonlySet<string>): boolean {
  return roster.members.every((member) => {
    return !(gone.has(lifeOf({ cluster: member.cluster, head: member })) && member.status === 'active');
  });
}

/** Peers that are active members. A removed or quarantined one contributes nothing, whatever is still kept of it. */
function peersOf(world: World, roster: Roster, previous: Derived | undefined): ReadonlyMap<ClusterId, PeerState> {
  const active = new Set(roster.members.filter(({ status }) => status === 'active').map(({ cluster }) => cluster));
  const peers = new Map<ClusterId, PeerState>();
  for (const [cluster, view] of [...world.views].sort(([left], [right]) => compareText(left, right))) {
    if (!active.has(cluster) || cluster === world.site.cluster) continue;
    const { liveness, serving } = world.health.get(cluster) ?? UNKNOWN_STANDING;
    const before = previous?.state.peers.get(cluster);
    const same = before?.view === view && before.liveness === liveness && before.serving === serving;
    peers.set(cluster, same ? before : { view, liveness, serving });
  }
  return peers;
}

function portsOf(
  world: World,
  state: FederationState,
  previous: Derived | undefined,
): { ports: ReadonlyMap<ServicePortKey, number>; refused: readonly ServicePortKey[] } {
  // The leader's table takes the place of what a replica that follows worked out by itself.
  if (previous !== undefined && previous.world.ports !== world.ports) {
    return allocatePorts(world.ports, wantedPorts(state));
  }
  const existing = previous?.ports ?? world.ports;
  if (previous !== undefined && previous.state.services === state.services) {
    return { ports: previous.ports, refused: previous.portsRefused };
  }
  if (
    previous !== undefined &&
    previous.portsRefused.length === 0 &&
    haveAll(existing, changedServices(previous, state))
  ) {
    return { ports: existing, refused: [] };
  }
  const wanted = wantedPorts(state);
  if (previous !== undefined && wanted.every((key) => existing.has(key))) return { ports: existing, refused: [] };
  return allocatePorts(existing, wanted);
}

function changedServices(previous: Derived, { services }: FederationState): readonly MergedService[] {
  const changed = changedKeys(previous.state.services, services);
  return changed.map((key) => services.get(key)).filter((service) => service !== undefined);
}

function haveAll(ports: ReadonlyMap<ServicePortKey, number>, services: readonly MergedService[]): boolean {
  return services.every((service) => wantedPortsOf(service).every((key) => ports.has(key)));
}
