import {
  EMPTY_SNAPSHOT,
  type Resource,
  resourcesOf,
  type Snapshot,
  TYPE_ORDER,
  TYPE_URL,
  type TypeUrl,
} from '../snapshot.ts';
import { assertNever } from '../../runtime/errors.ts';
import { Continuity } from './continuity.ts';
import type { XdsRequest } from './request.ts';
import type { SnapshotChanges } from './snapshot-diff.ts';
import { type Outcome, TypeStream } from './type-stream.ts';

/**
 * One delta ADS stream as a state machine: `step` takes what happened and answers what to do. No clock, no socket; the
 * same machine serves Envoy from the controller and, while that is away, from the agent's kept configuration.
 *
 * Order on the wire is make before break: secrets, clusters, endpoints, then the listeners and routes that refer to
 * them, and what nothing refers to any more goes last.
 */
export type SessionInput =
  | { readonly kind: 'request'; readonly request: XdsRequest }
  | { readonly kind: 'snapshot'; readonly snapshot: Snapshot; readonly changes: SnapshotChanges }
  /** The transport's buffer is full, or empty again. While it is full only the newest state is kept. */
  | { readonly kind: 'transport'; readonly state: 'full' | 'drained' }
  | { readonly kind: 'time' };

export type SessionEffect =
  | {
      readonly kind: 'send';
      readonly type: TypeUrl;
      readonly nonce: string;
      readonly resources: readonly Resource[];
      readonly removed: readonly string[];
    }
  /** The client has exactly these; told by an ACK, or by itself when it reconnects. */
  | {
      readonly kind: 'acknowledged';
      readonly type: TypeUrl;
      readonly versions: readonly (readonly [name: string, version: string])[];
      readonly gone: readonly string[];
    }
  | {
      readonly kind: 'refused';
      readonly type: TypeUrl;
      readonly name: string;
      readonly version: string;
      readonly message: string;
    }
  /** Call `step({kind: 'time'})` then, if nothing else happened before. */
  | { readonly kind: 'wake'; readonly atMs: number };

/**
 * Listeners and routes wait this long for new clusters and their endpoints to be acknowledged. Milliseconds pass in
 * practice; a client that never answers must not hold back a withdrawal for longer.
 */
export const REFERRERS_WAIT_MS = 1_000;

const REFERRERS: ReadonlySet<TypeUrl> = new Set([TYPE_URL.listener, TYPE_URL.route]);

export class XdsSession {
  readonly #continuity: Continuity;
  readonly #streams = new Map<TypeUrl, TypeStream>();
  #snapshot: Snapshot = EMPTY_SNAPSHOT;
  #snapshotNumber = 0;
  #ready = false;
  #full = false;
  #gateClosedAtMs: number | undefined;

  constructor(components: { continuity?: Continuity }) {
    this.#continuity = components.continuity ?? new Continuity();
  }

  step(input: SessionInput, nowMs: number): readonly SessionEffect[] {
    const effects: SessionEffect[] = [];
    switch (input.kind) {
      case 'request':
        this.#request(input.request, nowMs, effects);
        break;
      case 'snapshot':
        this.#newSnapshot(input.snapshot, input.changes);
        break;
      case 'transport':
        this.#full = input.state === 'full';
        break;
      case 'time':
        break;
      default:
        assertNever(input);
    }
    if (this.#ready && !this.#full) this.#pump(nowMs, effects);
    return effects;
  }

  #newSnapshot(snapshot: Snapshot, changes: SnapshotChanges): void {
    this.#snapshot = snapshot;
    this.#snapshotNumber += 1;
    this.#ready = true;
    for (const [type, names] of changes) this.#streams.get(type)?.mark(names);
    const endpoints = resourcesOf(snapshot, TYPE_URL.endpoints);
    for (const name of this.#continuity.warming) {
      if (!endpoints.has(name)) this.#continuity.warming.delete(name);
    }
  }

  #request(request: XdsRequest, nowMs: number, effects: SessionEffect[]): void {
    if (request.node !== undefined) this.#continuity.sawBuild(request.node.build);
    const known = this.#streams.get(request.type);
    const stream = known ?? this.#open(request.type);
    if (request.nonce !== '' && known !== undefined) {
      const outcome = stream.judge(request.nonce, { refusal: request.refusal, nowMs });
      this.#judged(request.type, outcome, effects);
    }
    const change = stream.subscription.update(request);
    for (const name of change.dropped) stream.drop(name);
    for (const name of change.asked) stream.ask(name);
    if (change.becameWildcard) {
      stream.mark(resourcesOf(this.#snapshot, request.type).keys());
      stream.oweAnswer();
    }
    if (known === undefined) this.#presented(stream, request, effects);
    if (change.dropped.length > 0) {
      effects.push({ kind: 'acknowledged', type: request.type, versions: [], gone: change.dropped });
    }
  }

  #open(type: TypeUrl): TypeStream {
    const stream = new TypeStream({ refusals: this.#continuity.refusals(type) }, type);
    this.#streams.set(type, stream);
    return stream;
  }

  #presented(stream: TypeStream, request: XdsRequest, effects: SessionEffect[]): void {
    if (stream.type === TYPE_URL.cluster) {
      for (const name of this.#continuity.unanswered) {
        // It is sent before anything can wait for its endpoints; and without this the set would grow for ever.
        if (!request.presented.has(name)) this.#continuity.unanswered.delete(name);
      }
    }
    const versions: (readonly [string, string])[] = [];
    for (const [name, version] of request.presented) {
      if (!stream.subscription.covers(name)) continue;
      stream.present(name, version);
      if (stream.type === TYPE_URL.endpoints && this.#continuity.unanswered.has(name)) {
        // It does not count as an answer, but must not be forgotten: when what is sent instead is refused, the client
        // goes on with what it presented, and that must be removable.
        stream.ask(name);
        continue;
      }
      versions.push([name, version]);
    }
    if (versions.length > 0) effects.push({ kind: 'acknowledged', type: stream.type, versions, gone: [] });
  }

  #judged(type: TypeUrl, outcome: Outcome, effects: SessionEffect[]): void {
    const { acknowledged, removed, refused } = outcome;
    if (type === TYPE_URL.endpoints) for (const [name] of acknowledged) this.#answered(name);
    if (type === TYPE_URL.endpoints || type === TYPE_URL.cluster) {
      for (const name of removed) this.#answered(name);
      for (const { name } of refused) this.#answered(name);
    }
    if (acknowledged.length + removed.length > 0) {
      effects.push({ kind: 'acknowledged', type, versions: acknowledged, gone: removed });
    }
    for (const refusal of refused) effects.push({ kind: 'refused', type, ...refusal });
  }

  #answered(cluster: string): void {
    this.#continuity.warming.delete(cluster);
    this.#continuity.unanswered.delete(cluster);
  }

  #pump(nowMs: number, effects: SessionEffect[]): void {
    // First of all, so that each type knows which removals of the others it has to wait for.
    for (const stream of this.#streams.values()) {
      stream.settle(resourcesOf(this.#snapshot, stream.type), this.#snapshotNumber);
    }
    let retryAtMs: number | undefined;
    for (const type of TYPE_ORDER) {
      const stream = this.#streams.get(type);
      if (stream === undefined) continue;
      stream.retryDue(nowMs);
      if (REFERRERS.has(type) && this.#referrersWait(stream, nowMs, effects)) continue;
      this.#take(stream, effects);
      retryAtMs = earlier(retryAtMs, stream.nextRetryMs());
    }
    // Listeners and routes may just have become complete, and with them the removals that waited for it.
    for (const type of [TYPE_URL.cluster, TYPE_URL.endpoints, TYPE_URL.secret]) {
      const stream = this.#streams.get(type);
      if (stream?.removalsSince !== undefined) this.#take(stream, effects);
    }
    if (retryAtMs !== undefined && retryAtMs > nowMs) effects.push({ kind: 'wake', atMs: retryAtMs });
  }

  #take(stream: TypeStream, effects: SessionEffect[]): void {
    const { type } = stream;
    const at = { snapshot: this.#snapshotNumber, mayRemove: this.#mayRemove(stream) };
    const outgoing = stream.take(resourcesOf(this.#snapshot, type), at);
    if (outgoing === undefined) return;
    effects.push({ kind: 'send', type, ...outgoing });
    if (type === TYPE_URL.cluster) this.#clustersSent(outgoing.resources);
  }

  /**
   * A Cluster that is sent anew warms until its endpoints come, but Envoy does not ask for them again when it is
   * subscribed to them already: without this, that ACK and all later clusters hang for 15 s. So a sent Cluster makes
   * its endpoints unsent.
   */
  #clustersSent(clusters: readonly Resource[]): void {
    const endpoints = resourcesOf(this.#snapshot, TYPE_URL.endpoints);
    const stream = this.#streams.get(TYPE_URL.endpoints);
    for (const { name } of clusters) {
      this.#continuity.unanswered.add(name);
      if (endpoints.has(name)) this.#continuity.warming.add(name);
      // Also when there are none just now. They may come back with the content that is on its way, whose
      // acknowledgement is for the cluster before; otherwise their absence is the answer that ends the warming.
      if (stream?.subscription.names.has(name) === true) stream.ask(name);
    }
  }

  #referrersWait(stream: TypeStream, nowMs: number, effects: SessionEffect[]): boolean {
    const clusters = this.#streams.get(TYPE_URL.cluster);
    const warming = clusters !== undefined && (clusters.busy || this.#continuity.warming.size > 0);
    if (!warming) {
      this.#gateClosedAtMs = undefined;
      return false;
    }
    if (!stream.hasWork(resourcesOf(this.#snapshot, stream.type))) return false;
    this.#gateClosedAtMs ??= nowMs;
    const opensAtMs = this.#gateClosedAtMs + REFERRERS_WAIT_MS;
    if (nowMs >= opensAtMs) return false;
    effects.push({ kind: 'wake', atMs: opensAtMs });
    return true;
  }

  /** What is removed must not be referred to any more by anything that the client still has. */
  #mayRemove(stream: TypeStream): boolean {
    const since = stream.removalsSince ?? this.#snapshotNumber;
    switch (stream.type) {
      case TYPE_URL.listener:
      case TYPE_URL.route:
        return true;
      case TYPE_URL.cluster:
        return this.#completed(TYPE_URL.listener, since) && this.#completed(TYPE_URL.route, since);
      case TYPE_URL.endpoints:
        return this.#completed(TYPE_URL.cluster, since) && !this.#pendingRemovals(TYPE_URL.cluster);
      case TYPE_URL.secret:
        return this.#completed(TYPE_URL.listener, since) && !this.#pendingRemovals(TYPE_URL.cluster);
      default:
        return assertNever(stream.type);
    }
  }

  #completed(type: TypeUrl, snapshot: number): boolean {
    const stream = this.#streams.get(type);
    return stream === undefined || stream.completed >= snapshot;
  }

  #pendingRemovals(type: TypeUrl): boolean {
    const stream = this.#streams.get(type);
    return stream !== undefined && (stream.busy || stream.removalsSince !== undefined);
  }
}

function earlier(left: number | undefined, right: number | undefined): number | undefined {
  if (left === undefined) return right;
  return right === undefined ? left : Math.min(left, right);
}
