import type { ClusterId, ServiceKey } from './ids.ts';
import { compareText } from './ids.ts';
import type { Contribution, Role } from './merge-service.ts';
import { mergeService } from './merge-service.ts';
import { sameValue } from './same-value.ts';
import type { ClusterView, FederationState, ImportPins, MergedService, PeerState } from './state.ts';

/**
 * Everything that clusters say, merged into one state. A function of the newest view of each cluster alone, so that the
 * order in which news arrives cannot matter; `previous` only saves work: just the services that some changed cluster
 * names are merged again, and what comes out equal keeps its identity.
 */
export interface MergeInput {
  readonly self: ClusterId;
  readonly own: ClusterView | undefined;
  readonly peers: ReadonlyMap<ClusterId, PeerState>;
  readonly pins?: ImportPins | undefined;
}

interface Source {
  readonly view: ClusterView;
  readonly role: Role;
}

export function mergeState(input: MergeInput, previous?: FederationState): FederationState {
  const peers = sortedPeers(input.peers, previous?.peers);
  const { self, own, pins } = input;
  const before = sourcesOf(previous);
  const now = sourcesOf({ own, peers });
  const comparable = previous !== undefined && samePins(previous.pins, pins);
  const touched = comparable ? touchedKeys(before, now) : allKeys([...before.values(), ...now.values()]);
  const services = nextServices(contributionsTo(touched, now, pins), previous?.services ?? new Map());
  const isSame =
    comparable &&
    previous.self === self &&
    previous.own === own &&
    previous.peers === peers &&
    previous.services === services;
  return isSame ? previous : { self, own, peers, services, pins };
}

/** What a peer's state means for its backends. Withdrawn needs both signals (Gone); anything less only demotes. */
export function roleOf(peer: PeerState): Role {
  if (peer.serving) return 'serving';
  return peer.liveness.verdict === 'Gone' ? 'withdrawn' : 'standby';
}

function sourcesOf(state: Pick<FederationState, 'own' | 'peers'> | undefined): ReadonlyMap<ClusterId, Source> {
  const sources = new Map<ClusterId, Source>();
  if (state === undefined) return sources;
  for (const [cluster, peer] of state.peers) sources.set(cluster, { view: peer.view, role: roleOf(peer) });
  // Last, so that a peer under our own name could never speak for us.
  if (state.own !== undefined) sources.set(state.own.cluster, { view: state.own, role: 'serving' });
  return sources;
}

function sortedPeers(
  peers: ReadonlyMap<ClusterId, PeerState>,
  previous: ReadonlyMap<ClusterId, PeerState> | undefined,
): ReadonlyMap<ClusterId, PeerState> {
  if (previous !== undefined && previous.size === peers.size) {
    if ([...peers].every(([cluster, peer]) => previous.get(cluster) === peer)) return previous;
  }
  return new Map([...peers].sort((left, right) => compareText(left[0], right[0])));
}

function samePins(left: ImportPins | undefined, right: ImportPins | undefined): boolean {
  return left === right || sameValue(left === undefined ? [] : [...left], right === undefined ? [] : [...right]);
}

function allKeys(sources: readonly Source[]): ReadonlySet<ServiceKey> {
  return new Set(sources.flatMap((source) => [...source.view.services.keys()]));
}

/** The services that some cluster names differently than before. */
function touchedKeys(
  before: ReadonlyMap<ClusterId, Source>,
  now: ReadonlyMap<ClusterId, Source>,
): ReadonlySet<ServiceKey> {
  const touched = new Set<ServiceKey>();
  for (const [cluster, source] of now) addTouched(touched, before.get(cluster), source);
  for (const [cluster, source] of before) if (!now.has(cluster)) addTouched(touched, source, undefined);
  return touched;
}

function addTouched(touched: Set<ServiceKey>, before: Source | undefined, now: Source | undefined): void {
  const isWhole = before === undefined || now === undefined || !isSameFrame(before, now);
  const old = before?.view.services;
  const fresh = now?.view.services;
  if (!isWhole && old === fresh) return;
  for (const [key, service] of fresh ?? []) if (isWhole || old?.get(key) !== service) touched.add(key);
  for (const key of old?.keys() ?? []) if (isWhole || fresh?.has(key) !== true) touched.add(key);
}

/** True when nothing but services can differ in what this cluster contributes. */
function isSameFrame(left: Source, right: Source): boolean {
  return (
    left.role === right.role && left.view.joinedAtMs === right.view.joinedAtMs && left.view.info === right.view.info
  );
}

function nextServices(
  touched: ReadonlyMap<ServiceKey, readonly Contribution[]>,
  before: ReadonlyMap<ServiceKey, MergedService>,
): ReadonlyMap<ServiceKey, MergedService> {
  const changed = new Map<ServiceKey, MergedService | undefined>();
  let hasNew = false;
  for (const [key, contributions] of touched) {
    const old = before.get(key);
    const merged = mergeService(key, contributions);
    if (merged === old || (merged !== undefined && old !== undefined && sameValue(merged, old))) continue;
    changed.set(key, merged);
    hasNew ||= old === undefined;
  }
  if (changed.size === 0) return before;
  const after = new Map(before);
  for (const [key, merged] of changed) {
    if (merged === undefined) after.delete(key);
    else after.set(key, merged);
  }
  return hasNew ? new Map([...after].sort((left, right) => compareText(left[0], right[0]))) : after;
}

/** Who says what about the touched services. Goes over the shorter of the two lists of each cluster. */
function contributionsTo(
  touched: ReadonlySet<ServiceKey>,
  sources: ReadonlyMap<ClusterId, Source>,
  pins: ImportPins | undefined,
): ReadonlyMap<ServiceKey, readonly Contribution[]> {
  const contributions = new Map<ServiceKey, Contribution[]>([...touched].map((key) => [key, []]));
  for (const [cluster, { view, role }] of sources) {
    const keys = touched.size < view.services.size ? touched : view.services.keys();
    for (const key of keys) {
      const service = view.services.get(key);
      if (service !== undefined && isAllowed(key, cluster, pins)) contributions.get(key)?.push({ view, service, role });
    }
  }
  return contributions;
}

function isAllowed(key: ServiceKey, cluster: ClusterId, pins: ImportPins | undefined): boolean {
  return pins?.get(key.slice(0, key.indexOf('/')))?.includes(cluster) ?? true;
}
