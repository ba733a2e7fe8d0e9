import type { Resource, ResourceMap, TypeUrl } from '../snapshot.ts';
import { ClientCopy, type Known } from './client-copy.ts';
import { REMOVAL, type RefusalMemory } from './continuity.ts';
import { splitRefused } from './refused-parts.ts';
import { Subscription } from './subscription.ts';

/**
 * One resource type on one delta stream: what the client has, what it lacks, and the one response that is on its way.
 * Deterministic and without I/O. It is changed in place, because a copy would cost the size of the configuration for
 * every change of one endpoint.
 */

export interface Outgoing {
  readonly nonce: string;
  readonly resources: readonly Resource[];
  readonly removed: readonly string[];
}

interface InFlight {
  readonly nonce: string;
  readonly sent: Map<string, Resource>;
  readonly removed: Set<string>;
  /** How many names went out. `sent` and `removed` shrink when a name is asked for or dropped meanwhile; this does not. */
  readonly names: number;
  /** The snapshot it brings this type up to, when nothing had to be left out. */
  readonly completes?: number | undefined;
}

export interface Outcome {
  readonly acknowledged: readonly (readonly [name: string, version: string])[];
  readonly removed: readonly string[];
  readonly refused: readonly { readonly name: string; readonly version: string; readonly message: string }[];
}

/** Envoy parses a response in one go on its main thread; above this the rest goes into the next response. */
export const RESPONSE_BYTES_MAX = 16 * 1024 * 1024;

const NOTHING: Outcome = { acknowledged: [], removed: [], refused: [] };

export class TypeStream {
  readonly type: TypeUrl;
  readonly subscription = new Subscription();
  readonly #refusals: RefusalMemory;
  readonly #copy = new ClientCopy();
  /** Names whose wanted content may differ from what the client has. */
  readonly #dirty = new Set<string>();
  /** Asked for, but there is no such thing: told at once, as a cluster may wait for it and everything for that. */
  readonly #absent = new Set<string>();
  /** Names that are gone, until their removal may be told. */
  readonly #removals = new Set<string>();
  #removalsSince = 0;
  /** Explicitly asked for, so answered even when there is nothing. */
  readonly #asked = new Set<string>();
  /** Parts of a refused response, sent one by one to find the culprit. */
  #suspects: (readonly string[])[] = [];
  #suspectsTurn = false;
  #owesAnswer = false;
  #inFlight: InFlight | undefined;
  #nonce = 0;
  #completed = -1;

  constructor(components: { refusals: RefusalMemory }, type: TypeUrl) {
    this.type = type;
    this.#refusals = components.refusals;
  }

  get busy(): boolean {
    return this.#inFlight !== undefined;
  }

  /** The newest snapshot whose content of this type the client has wholly judged. */
  get completed(): number {
    return this.#completed;
  }

  get removalsSince(): number | undefined {
    return this.#removals.size === 0 ? undefined : this.#removalsSince;
  }

  has(name: string): boolean {
    return this.#copy.mayHave(name);
  }

  known(name: string): Known | undefined {
    return this.#copy.known(name);
  }

  /** A reconnecting client says what it has. */
  present(name: string, version: string): void {
    this.#copy.present(name, version);
    this.#dirty.add(name);
  }

  mark(names: Iterable<string>): void {
    for (const name of names) this.#dirty.add(name);
  }

  /** The client asked for it: answered whatever we believe it has. */
  ask(name: string): void {
    this.#copy.doubt(name, this.#inFlight?.sent.get(name)?.version);
    this.#disregardInFlight(name);
    this.#asked.add(name);
    this.#dirty.add(name);
  }

  drop(name: string): void {
    this.#copy.gone(name);
    this.#disregardInFlight(name);
    this.#asked.delete(name);
    this.#dirty.delete(name);
    this.#absent.delete(name);
    this.#removals.delete(name);
    this.#refusals.forget(name);
  }

  /** The first answer to a wildcard is due even when it is empty: Envoy waits for it before it goes on. */
  oweAnswer(): void {
    this.#owesAnswer = true;
  }

  hasWork(resources: ResourceMap): boolean {
    if (this.#owesAnswer || this.#suspects.length + this.#absent.size > 0) return true;
    for (const name of this.#dirty) if (this.#wants(name, resources) !== 'nothing') return true;
    return false;
  }

  /** Refused names whose time has come to be offered once more, alone. */
  retryDue(nowMs: number): void {
    for (const [name, refusal] of this.#refusals.refusals) {
      const queued = this.#suspects.some((part) => part.includes(name));
      if (refusal.retryAtMs <= nowMs && this.subscription.covers(name) && !queued && !this.#isInFlight(name)) {
        this.#suspects.push([name]);
      }
    }
  }

  nextRetryMs(): number | undefined {
    let nextMs: number | undefined;
    for (const [name, refusal] of this.#refusals.refusals) {
      if (this.subscription.covers(name)) nextMs = Math.min(nextMs ?? Number.POSITIVE_INFINITY, refusal.retryAtMs);
    }
    return nextMs;
  }

  /** The next response, or nothing when one is on its way or the client is up to date. */
  take(resources: ResourceMap, at: { snapshot: number; mayRemove: boolean }): Outgoing | undefined {
    if (this.#inFlight !== undefined) return undefined;
    const suspectsFirst = this.#suspectsTurn && this.#suspects.length > 0;
    const outgoing = suspectsFirst
      ? (this.#takeSuspects(resources) ?? this.#takeDirty(resources, at))
      : (this.#takeDirty(resources, at) ?? this.#takeSuspects(resources));
    if (outgoing === undefined && this.#suspects.length === 0) this.#completed = at.snapshot;
    return outgoing;
  }

  /** An ACK or NACK. A nonce that is not the one on its way is old news and says nothing. */
  judge(nonce: string, verdict: { refusal: string | undefined; nowMs: number }): Outcome {
    const inFlight = this.#inFlight;
    if (inFlight === undefined || inFlight.nonce !== nonce) return NOTHING;
    this.#inFlight = undefined;
    if (verdict.refusal === undefined) return this.#accepted(inFlight);
    return this.#refused(inFlight, { message: verdict.refusal, nowMs: verdict.nowMs });
  }

  #accepted(inFlight: InFlight): Outcome {
    const acknowledged: (readonly [string, string])[] = [];
    for (const [name, resource] of inFlight.sent) {
      this.#copy.accepted(name, resource);
      this.#refusals.accept(name, resource.version);
      acknowledged.push([name, resource.version]);
    }
    for (const name of inFlight.removed) {
      this.#copy.gone(name);
      this.#refusals.forget(name);
    }
    if (inFlight.completes !== undefined) this.#completed = inFlight.completes;
    return { acknowledged, removed: [...inFlight.removed], refused: [] };
  }

  #refused(inFlight: InFlight, verdict: { message: string; nowMs: number }): Outcome {
    const names = [...inFlight.sent.keys(), ...inFlight.removed];
    const [only] = names;
    if (only === undefined) return NOTHING;
    // Alone is what went out alone, not what is left of a response. Of a (bad) and b (good), a may have been asked for
    // again before the refusal came, as its cluster was sent anew: the refusal is a's, b is in use. Blaming b held its
    // good content back, and forgot that the client has it, so that it was never removed.
    if (inFlight.names === 1) return this.#refusedAlone(only, inFlight, verdict);
    // Smaller responses find out which one it was.
    for (const name of names) this.#copy.refusedWithOthers(name, inFlight.sent.get(name)?.version);
    this.#suspects.push(...splitRefused(names, verdict.message));
    return NOTHING;
  }

  #refusedAlone(name: string, inFlight: InFlight, verdict: { message: string; nowMs: number }): Outcome {
    const version = inFlight.sent.get(name)?.version ?? REMOVAL;
    const before = this.#copy.refusedAlone(name, version);
    const { message, nowMs } = verdict;
    const good = before?.encoded === undefined ? undefined : { name, version: before.version, encoded: before.encoded };
    this.#refusals.refuse(name, { version, message, nowMs }, good?.version === version ? undefined : good);
    this.#dirty.add(name);
    return { acknowledged: [], removed: [], refused: [{ name, version, message }] };
  }

  /** Moves what is gone from `dirty` to `removals`, which wait until nothing refers to them. */
  settle(resources: ResourceMap, snapshot: number): void {
    for (const name of this.#dirty) {
      const refusal = this.#refusals.get(name);
      if (refusal !== undefined && refusal.version !== (resources.get(name)?.version ?? REMOVAL)) {
        this.#refusals.contentChanged(name);
      }
      // What the client has of it is known when the answer is here.
      if (this.#isInFlight(name)) continue;
      const wanted = this.#wants(name, resources);
      this.#absent.delete(name);
      // Who asked waits for the answer, perhaps before it acknowledges the cluster that a removal would wait for.
      const awaited = this.#asked.has(name) && this.#copy.known(name) === undefined;
      if (wanted !== 'remove') this.#removals.delete(name);
      else if (awaited || !this.has(name)) this.#absent.add(name);
      else {
        if (!this.#removals.has(name)) this.#removalsSince = snapshot;
        this.#removals.add(name);
      }
      if (typeof wanted === 'string') this.#dirty.delete(name);
    }
  }

  #takeDirty(resources: ResourceMap, at: { snapshot: number; mayRemove: boolean }): Outgoing | undefined {
    const sent = new Map<string, Resource>();
    let bytes = 0;
    for (const name of this.#dirty) {
      const wanted = this.#wants(name, resources);
      if (typeof wanted === 'string') continue;
      if (sent.size > 0 && bytes + wanted.encoded.length > RESPONSE_BYTES_MAX) break;
      bytes += wanted.encoded.length;
      sent.set(name, wanted);
    }
    for (const name of sent.keys()) this.#dirty.delete(name);
    const removed = new Set(this.#absent);
    this.#absent.clear();
    if (at.mayRemove) {
      for (const name of this.#removals) removed.add(name);
      this.#removals.clear();
    }
    if (sent.size === 0 && removed.size === 0 && !this.#owesAnswer) return undefined;
    const complete = this.#dirty.size === 0 && this.#suspects.length === 0;
    this.#suspectsTurn = true;
    return this.#send({ sent, removed, completes: complete ? at.snapshot : undefined });
  }

  #takeSuspects(resources: ResourceMap): Outgoing | undefined {
    for (let part = this.#suspects.shift(); part !== undefined; part = this.#suspects.shift()) {
      const sent = new Map<string, Resource>();
      const removed = new Set<string>();
      for (const name of part) {
        const wanted = this.#wants(name, resources, 'even if refused');
        if (typeof wanted !== 'string') sent.set(name, wanted);
        else if (wanted === 'remove') removed.add(name);
        this.#dirty.delete(name);
        this.#removals.delete(name);
      }
      if (sent.size + removed.size === 0) continue;
      this.#suspectsTurn = false;
      return this.#send({ sent, removed, completes: undefined });
    }
    return undefined;
  }

  #send(content: Omit<InFlight, 'nonce' | 'names'>): Outgoing {
    this.#owesAnswer = false;
    this.#nonce += 1;
    const nonce = String(this.#nonce);
    this.#inFlight = { nonce, names: content.sent.size + content.removed.size, ...content };
    for (const name of content.sent.keys()) this.#asked.delete(name);
    for (const name of content.removed) this.#asked.delete(name);
    return { nonce, resources: [...content.sent.values()], removed: [...content.removed] };
  }

  /** What to do about a name, given what the client has and what it refused. */
  #wants(name: string, resources: ResourceMap, refused?: 'even if refused'): Resource | 'remove' | 'nothing' {
    if (!this.subscription.covers(name)) return 'nothing';
    const target = resources.get(name);
    const refusal = refused === undefined ? this.#refusals.get(name) : undefined;
    if (target === undefined) {
      if (refusal?.version === REMOVAL) return 'nothing';
      return this.has(name) || this.#asked.has(name) ? 'remove' : 'nothing';
    }
    const held = refusal?.version === target.version;
    // A warming cluster waits for an answer about its endpoints, even if it will be refused: then it waits no more.
    const unanswered = this.#asked.has(name) ? target : undefined;
    const offer = held ? (this.#refusals.lastGood(name) ?? unanswered) : target;
    if (offer === undefined || this.#copy.known(name)?.version === offer.version) return 'nothing';
    return offer;
  }

  /** What is on its way was sent before this; its acknowledgement proves nothing about what the client keeps. */
  #disregardInFlight(name: string): void {
    this.#inFlight?.sent.delete(name);
    this.#inFlight?.removed.delete(name);
  }

  #isInFlight(name: string): boolean {
    return this.#inFlight?.sent.has(name) === true || this.#inFlight?.removed.has(name) === true;
  }
}
