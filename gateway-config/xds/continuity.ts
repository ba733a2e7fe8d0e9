import type { Resource, TypeUrl } from '../snapshot.ts';

/**
 * What must be remembered about one gateway from one stream to the next, because Envoy does not tell it again:
 * what it refused (so that a reconnect does not offer it anew), and which clusters still wait for their endpoints.
 */
export class Continuity {
  readonly #types = new Map<TypeUrl, RefusalMemory>();
  /** Clusters that were sent and whose endpoints, which exist, were not acknowledged since: listeners wait for these. */
  readonly warming = new Set<string>();
  /**
   * Clusters that were sent and about whose endpoints nothing was answered since, not even that there are none. Envoy
   * presents the endpoints that it had before and still waits for them to come (envoy issue 22418), so what it presents
   * does not count for these. More than `warming`: endpoints that were gone when the cluster was sent, or vanished
   * after it, may come back on the next stream with the very content that is presented there.
   */
  readonly unanswered = new Set<string>();
  #build = '';

  refusals(type: TypeUrl): RefusalMemory {
    let memory = this.#types.get(type);
    if (memory === undefined) {
      memory = new RefusalMemory();
      this.#types.set(type, memory);
    }
    return memory;
  }

  /** Another Envoy build may accept what the last one refused. */
  sawBuild(build: string): void {
    if (this.#build !== '' && this.#build !== build) this.#types.clear();
    this.#build = build;
  }
}

export interface Refusal {
  /** The version that was refused; `REMOVAL` when the removal was. */
  readonly version: string;
  readonly message: string;
  readonly attempts: number;
  /** Monotonic. */
  readonly retryAtMs: number;
}

export const REMOVAL = '';

/** Most refusals are forever, but "address already in use" is not: offered again, rarely, alone. */
export const REFUSAL_RETRY_MS = { initial: 10_000, max: 300_000 };

export class RefusalMemory {
  readonly #refusals = new Map<string, Refusal>();
  readonly #lastGood = new Map<string, Resource>();

  get refusals(): ReadonlyMap<string, Refusal> {
    return this.#refusals;
  }

  get(name: string): Refusal | undefined {
    return this.#refusals.get(name);
  }

  /** The last content that the gateway acknowledged before it refused the present one. */
  lastGood(name: string): Resource | undefined {
    return this.#lastGood.get(name);
  }

  refuse(name: string, refused: { version: string; message: string; nowMs: number }, lastGood?: Resource): void {
    const earlier = this.#refusals.get(name);
    const good = this.#lastGood.get(name);
    if (good !== undefined && good.version === refused.version) {
      // Even the fallback is refused now. The refusal of the wanted content stands; nothing can be offered.
      this.#lastGood.delete(name);
      if (earlier !== undefined) return;
    }
    const attempts = earlier?.version === refused.version ? earlier.attempts + 1 : 1;
    const delayMs = Math.min(REFUSAL_RETRY_MS.max, REFUSAL_RETRY_MS.initial * 2 ** Math.min(attempts - 1, 20));
    this.#refusals.set(name, {
      version: refused.version,
      message: refused.message,
      attempts,
      retryAtMs: refused.nowMs + delayMs,
    });
    if (lastGood !== undefined) this.#lastGood.set(name, lastGood);
  }

  accept(name: string, version: string): void {
    if (this.#lastGood.get(name)?.version === version && this.#refusals.has(name)) return;
    this.#refusals.delete(name);
    this.#lastGood.delete(name);
  }

  /** The refused content is not wanted any more; whether its successor is accepted is open. */
  contentChanged(name: string): void {
    this.#refusals.delete(name);
  }

  forget(name: string): void {
    this.#refusals.delete(name);
    this.#lastGood.delete(name);
  }
}
