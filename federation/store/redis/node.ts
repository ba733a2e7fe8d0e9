import type { StoreComponents } from '../components.ts';
import type { RedisConnection } from './connection.ts';
import { Link } from './link.ts';

/**
 * A server as the store uses it. Several connections, so that none waits for another's nature: `reads` for what is small and
 * quick; `bulk` for answers of megabytes; `deltas` for logs, whose size their writers decide, so that one of them may get
 * the connection cut off; `writes` for transactions, which watch keys and therefore come one at a time; `leases` for those
 * that have to be renewed in time, also while a large commit is on its way.
 */
export type LinkKind = 'reads' | 'bulk' | 'deltas' | WriteKind;
export type WriteKind = 'writes' | 'leases';

export interface NodeInit {
  /** HOST:PORT, or what finds it. */
  readonly name: string;
  readonly dial: (kind: LinkKind | 'notices') => Promise<RedisConnection>;
}

export class RedisNode {
  readonly name: string;
  readonly #turns: Readonly<Record<WriteKind, Turns>> = { writes: new Turns(), leases: new Turns() };
  readonly #links: Readonly<Record<LinkKind, Link>>;
  readonly #dial: NodeInit['dial'];

  constructor(components: Pick<StoreComponents, 'clock' | 'random' | 'log'>, init: NodeInit) {
    this.name = init.name;
    this.#dial = init.dial;
    const link = (kind: LinkKind): Link =>
      new Link(components, { name: `${init.name} ${kind}`, dial: () => init.dial(kind), onUp: () => this.#hope() });
    this.#links = {
      reads: link('reads'),
      bulk: link('bulk'),
      deltas: link('deltas'),
      writes: link('writes'),
      leases: link('leases'),
    };
  }

  link(kind: LinkKind): Link {
    return this.#links[kind];
  }

  /** Transactions on one connection come one after the other. */
  turns(kind: WriteKind): Turns {
    return this.#turns[kind];
  }

  /** A connection of the caller's own, which closes it. */
  async dialForNotices(): Promise<RedisConnection> {
    const connection = await this.#dial('notices');
    this.#hope();
    return connection;
  }

  /** All connections are made anew when needed. */
  drop(reason: unknown): void {
    for (const link of Object.values(this.#links)) link.drop(reason);
  }

  /** Where one connection could be made, others can: they do not wait for the end of their own pauses. */
  #hope(): void {
    for (const link of Object.values(this.#links)) link.hope();
  }

  dropIdle(reason: unknown): void {
    for (const link of Object.values(this.#links)) link.dropIdle(reason);
  }

  close(): void {
    for (const link of Object.values(this.#links)) link.close();
  }
}

/** One after the other, in the order of asking. */
export class Turns {
  #last: Promise<unknown> = Promise.resolve();

  take<Result>(work: () => Promise<Result>): Promise<Result> {
    const turn = this.#last.then(work);
    this.#last = turn.catch(() => undefined);
    return turn;
  }
}
