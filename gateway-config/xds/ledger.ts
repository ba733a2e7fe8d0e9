import { resourcesOf, type Snapshot, TYPE_ORDER, type TypeUrl } from '../snapshot.ts';
import type { SessionEffect } from './session.ts';

/**
 * Who acknowledged what. Every gateway, type and name has one version that the gateway said it uses, and maybe one that
 * it refused. `Programmed` conditions, rotation barriers, tests and benches all read this one book.
 */
export interface RefusalEntry {
  readonly version: string;
  readonly message: string;
}

export type LedgerEvent =
  | { readonly kind: 'connected' | 'disconnected'; readonly gateway: string }
  | ({ readonly gateway: string } & Extract<SessionEffect, { kind: 'acknowledged' | 'refused' }>);

/** How one gateway stands towards one snapshot. */
export interface Standing {
  readonly gateway: string;
  readonly connected: boolean;
  readonly programmed: number;
  readonly pending: number;
  /** Sorted by type, then name. */
  readonly refused: readonly { readonly type: TypeUrl; readonly name: string; readonly message: string }[];
}

interface Page {
  connected: boolean;
  readonly versions: Map<TypeUrl, Map<string, string>>;
  readonly refusals: Map<TypeUrl, Map<string, RefusalEntry>>;
}

export class Ledger {
  readonly #pages = new Map<string, Page>();
  readonly #observers = new Set<(event: LedgerEvent) => void>();

  /** @returns a function that ends the observation */
  observe(observer: (event: LedgerEvent) => void): () => void {
    this.#observers.add(observer);
    return () => void this.#observers.delete(observer);
  }

  /** A stream of this gateway began. What it still has it will present; what it does not present it does not have. */
  connect(gateway: string): void {
    this.#pages.set(gateway, { connected: true, versions: new Map(), refusals: new Map() });
    this.#tell({ kind: 'connected', gateway });
  }

  /** A gateway that lost its stream keeps what it acknowledged: it goes on serving with it. */
  disconnect(gateway: string): void {
    const page = this.#pages.get(gateway);
    if (page === undefined) return;
    page.connected = false;
    this.#tell({ kind: 'disconnected', gateway });
  }

  /** Out of service for good. */
  forget(gateway: string): void {
    this.#pages.delete(gateway);
  }

  record(gateway: string, effect: Extract<SessionEffect, { kind: 'acknowledged' | 'refused' }>): void {
    const page = this.#pages.get(gateway);
    if (page === undefined) return;
    const refusals = inner(page.refusals, effect.type);
    if (effect.kind === 'refused') {
      refusals.set(effect.name, { version: effect.version, message: effect.message });
    } else {
      const versions = inner(page.versions, effect.type);
      for (const [name, version] of effect.versions) {
        versions.set(name, version);
        refusals.delete(name);
      }
      for (const name of effect.gone) {
        versions.delete(name);
        refusals.delete(name);
      }
    }
    this.#tell({ gateway, ...effect });
  }

  /** Sorted. */
  get gateways(): readonly string[] {
    return [...this.#pages.keys()].sort();
  }

  get connected(): readonly string[] {
    return this.gateways.filter((gateway) => this.#pages.get(gateway)?.connected === true);
  }

  version(gateway: string, type: TypeUrl, name: string): string | undefined {
    return this.#pages.get(gateway)?.versions.get(type)?.get(name);
  }

  refusal(gateway: string, type: TypeUrl, name: string): RefusalEntry | undefined {
    return this.#pages.get(gateway)?.refusals.get(type)?.get(name);
  }

  /** Gateways, sorted, that said they use exactly this version. */
  acknowledged(type: TypeUrl, name: string, version: string): readonly string[] {
    return this.gateways.filter((gateway) => this.version(gateway, type, name) === version);
  }

  standing(gateway: string, snapshot: Snapshot): Standing {
    const page = this.#pages.get(gateway);
    const refused: { type: TypeUrl; name: string; message: string }[] = [];
    let programmed = 0;
    let pending = 0;
    for (const type of TYPE_ORDER) {
      for (const [name, { version }] of resourcesOf(snapshot, type)) {
        const refusal = page?.refusals.get(type)?.get(name);
        if (refusal?.version === version) refused.push({ type, name, message: refusal.message });
        else if (page?.versions.get(type)?.get(name) === version) programmed += 1;
        else pending += 1;
      }
    }
    return { gateway, connected: page?.connected === true, programmed, pending, refused };
  }

  /** Resolves when the gateway (any one when it is left out) acknowledged this version; rejects with the signal's reason. */
  whenAcked(
    wanted: { type: TypeUrl; name: string; version: string; gateway?: string },
    signal?: AbortSignal,
  ): Promise<void> {
    return this.when(() => {
      const { type, name, version, gateway } = wanted;
      if (gateway !== undefined) return this.version(gateway, type, name) === version;
      return this.acknowledged(type, name, version).length > 0;
    }, signal);
  }

  /** Resolves once `condition` holds, looking again at every entry. */
  when(condition: () => boolean, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (condition()) {
        resolve();
        return;
      }
      const onAbort = (): void => {
        stop();
        reject(signal?.reason as Error);
      };
      const stop = this.observe(() => {
        if (!condition()) return;
        stop();
        signal?.removeEventListener('abort', onAbort);
        resolve();
      });
      signal?.addEventListener('abort', onAbort, { once: true });
      if (signal?.aborted === true) onAbort();
    });
  }

  #tell(event: LedgerEvent): void {
    for (const observer of this.#observers) observer(event);
  }
}

function inner<V>(outer: Map<TypeUrl, Map<string, V>>, type: TypeUrl): Map<string, V> {
  let map = outer.get(type);
  if (map === undefined) {
    map = new Map();
    outer.set(type, map);
  }
  return map;
}
