import type { EventOf, History } from '../events.ts';
import type { Invariant, Violation } from '../invariant.ts';
import { judge } from '../invariant.ts';

/**
 * A state goes for one of three reasons that somebody said: a roster no longer lists the cluster as active, its own newer
 * state has no gateways, or both its head and its gateways are gone (`Gone`). A store that is empty, silent or lies is none.
 */
export const UNKNOWN_IS_NOT_EMPTY: Invariant = {
  id: 'I7',
  promise: 'nothing is removed because knowledge is missing',
  check: (history) => {
    const readers = new Map<string, ReaderKnowledge>();
    const violations: Violation[] = [];
    let facts = 0;
    for (const event of history) {
      const reader = 'reader' in event ? event.reader : undefined;
      if (reader === undefined) continue;
      const knowledge = readers.get(reader) ?? new ReaderKnowledge();
      readers.set(reader, knowledge);
      const objections = knowledge.take(event);
      if (objections === undefined) continue;
      facts += 1;
      for (const message of objections) violations.push({ atMs: event.atMs, message: `${reader}: ${message}` });
    }
    const isEnvoySeen = history.some(({ kind }) => kind === 'envoy');
    return judge(facts, violations, 'no removal could have been seen', isEnvoySeen ? [] : ['sets pushed to an Envoy']);
  },
};

class ReaderKnowledge {
  /** Cluster -> the life in which it was last applied. */
  readonly #held = new Map<string, number>();
  readonly #gone = new Set<string>();
  readonly #inEnvoy = new Map<string, number>();
  #roster: EventOf<'roster'> | undefined;

  /** Nothing when the event removes nothing and proves nothing. */
  take(event: History[number]): readonly string[] | undefined {
    if (event.kind === 'holds') return this.#missing(event.clusters);
    if (event.kind === 'envoy') return this.#pushed(event);
    if (event.kind === 'withdrawn') return this.#withdrawn(event.cluster);
    if (event.kind === 'roster') this.#listed(event);
    else if (event.kind === 'diskLost') this.#held.clear();
    else if (event.kind === 'applied') this.#held.set(event.cluster, event.order.incarnation);
    else if (event.kind === 'verdict') this.#judged(event);
    return undefined;
  }

  /** A cluster that has joined anew is not what it was: what is held of its earlier life may go. */
  #listed(roster: EventOf<'roster'>): void {
    this.#roster = roster;
    for (const [cluster, incarnation] of this.#held) {
      const listed = Object.hasOwn(roster.members, cluster) ? roster.members[cluster] : undefined;
      if (listed !== undefined && listed !== incarnation) this.#held.delete(cluster);
    }
  }

  #judged({ verdict, cluster }: EventOf<'verdict'>): void {
    if (verdict === 'Gone') this.#gone.add(cluster);
    else this.#gone.delete(cluster);
  }

  #withdrawn(cluster: string): readonly string[] {
    this.#held.delete(cluster);
    return this.#isActive(cluster) ? [`${cluster} was withdrawn, the roster lists it as active`] : [];
  }

  #missing(clusters: readonly string[]): readonly string[] {
    const missing = [...this.#held.keys()].filter((cluster) => !clusters.includes(cluster));
    return missing.map((cluster) => `${cluster} is held no longer, nobody withdrew it`);
  }

  #pushed({ gateway, origin, endpoints }: EventOf<'envoy'>): readonly string[] {
    const key = `${gateway} ${origin}`;
    const before = this.#inEnvoy.get(key) ?? 0;
    this.#inEnvoy.set(key, endpoints.length);
    const isEmptied = before > 0 && endpoints.length === 0;
    const isSaid = this.#gone.has(origin) || !this.#isActive(origin);
    return isEmptied && !isSaid ? [`the endpoints of ${origin} left ${gateway}, nobody said so`] : [];
  }

  #isActive(cluster: string): boolean {
    return this.#roster === undefined || Object.hasOwn(this.#roster.members, cluster);
  }
}
