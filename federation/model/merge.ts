import { changedKeys } from './diff.ts';
import type { ClusterId, ServiceKey } from './ids.ts';
import { compareText } from './ids.ts';
import type { ImportFilter } from './imports.ts';
import { isImported } from './imports.ts';
import type { Contribution, Role } from './merge-service.ts';
import { mergeService } from './merge-service.ts';
import type { ServiceRecord } from './records.ts';
import { sameValue } from './same-value.ts';
import { SortedMap } from './sorted-map.ts';
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
  /** Absent: everything is imported. */
  readonly imports?: ImportFilter | undefined;
}

const NO_SERVICES: SortedMap<ServiceKey, never> = SortedMap.empty();

interface Source {
  readonly view: ClusterView;
  readonly role: Role;
}

export function mergeState(input: MergeInput, previous?: FederationState): FederationState {
  const peers = sortedPeers(input.peers, previous?.peers);
  const { self, own, pins, imports } = input;
  const before = sourcesOf(previous);
  const now = sourcesOf({ own, peers });
  const comparable =
    previous !== undefined && samePins(previous.pins, pins) && sameValue(setsOf(previous.imports), setsOf(imports));
  const touched = comparable ? touchedKeys(before, now) : allKeys([...before.values(), ...now.values()]);
  const wanted = new Set([...touched].filter((key) => isImported(imports, key) || own?.services.has(key)));
  const merged = mergeTouched(contributionsTo(wanted, now, pins), touched);
  const services = nextServices(merged, previous?.services ?? NO_SERVICES);
  const isSame =
    comparable &&
    previous.self === self &&
    previous.own === own &&
    previous.peers === peers &&
    previous.services === services;
  return isSame ? previous : { self, own, peers, services, pins, ...(imports === undefined ? {} : { imports }) };
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

function setsOf(imports: ImportFilter | undefined): unknown {
  return imports && [[...imports.namespaces], [...imports.services]];
}

function allKeys(sources: readonly Source[]): ReadonlySet<ServiceKey> {
  const keys = new Set<ServiceKey>();
  for (const { view } of sources) for (const key of view.services.keys()) keys.add(key);
  return keys;
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
  const old = before?.view.services ?? NO_SERVICES;
  const fresh = now?.view.services ?? NO_SERVICES;
  if (before !== undefined && now !== undefined && isSameFrame(before, now)) {
    for (const key of changedKeys(old, fresh)) touched.add(key);
    return;
  }
  for (const key of fresh.keys()) touched.add(key);
  for (const key of old.keys()) touched.add(key);
}

/** True when nothing but services can differ in what this cluster contributes. */
function isSameFrame(left: Source, right: Source): boolean {
  return (
    left.role === right.role && left.view.joinedAtMs === right.view.joinedAtMs && left.view.info === right.view.info
  );
}

function mergeTouched(
  contributions: ReadonlyMap<ServiceKey, readonly Contribution[]>,
  touched: ReadonlySet<ServiceKey>,
): ReadonlyMap<ServiceKey, MergedService | undefined> {
  const merged = new Map<ServiceKey, MergedService | undefined>();
  for (const key of touched) merged.set(key, mergeService(key, contributions.get(key) ?? []));
  return merged;
}

function nextServices(
  merged: ReadonlyMap<ServiceKey, MergedService | undefined>,
  before: ReadonlyMap<ServiceKey, MergedService>,
): ReadonlyMap<ServiceKey, MergedService> {
  const edit = new Map<ServiceKey, MergedService | undefined>();
  for (const [key, service] of merged) {
    const old = before.get(key);
    if (service === old || (service !== undefined && old !== undefined && sameValue(service, old))) continue;
    edit.set(key, service);
  }
  if (edit.size === 0) return before;
  return SortedMap.from(before).with(edit);
}

/** Who says what about the touched services. Goes over the shorter of the two lists of each cluster. */
function contributionsTo(
  touched: ReadonlySet<ServiceKey>,
  sources: ReadonlyMap<ClusterId, Source>,
  pins: ImportPins | undefined,
): ReadonlyMap<ServiceKey, readonly Contribution[]> {
  const contributions = new Map<ServiceKey, Contribution[]>();
  for (const key of touched) contributions.set(key, []);
  for (const [cluster, { view, role }] of sources) {
    const { services } = view;
    const add = (key: ServiceKey, service: ServiceRecord | undefined): void => {
      if (service !== undefined && isAllowed(key, cluster, pins)) contributions.get(key)?.push({ view, service, role });
    };
    if (touched.size < services.size) for (const key of touched) add(key, services.get(key));
    else for (const [key, service] of services) add(key, service);
  }
  return contributions;
}

function isAllowed(key: ServiceKey, cluster: ClusterId, pins: ImportPins | undefined): boolean {
  return pins?.get(key.slice(0, key.indexOf('/')))?.includes(cluster) ?? true;
}
