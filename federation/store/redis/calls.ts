import type { StoreComponents } from '../components.ts';
import type { RedisConnection } from './connection.ts';
import { COMMAND_TIMEOUT_MS } from './connection.ts';
import type { LinkKind, RedisNode, WriteKind } from './node.ts';
import { ConnectionLostError, OversizedReplyError, RedisReplyError } from './reply.ts';
import { LoginRefusedError } from './dial-errors.ts';
import { storeErrorOf } from './reply-errors.ts';
import type { Routing } from './routing.ts';

/**
 * Work at the node that keeps a key. What only says that another node is meant (MOVED, READONLY), that a slot is on its way
 * (ASK, TRYAGAIN) or that an idle connection had died is answered by doing the work again, boundedly; all else is told to
 * the caller in the words of the store contract.
 */
export class Calls {
  readonly #components: StoreComponents;
  readonly #routing: Routing;
  readonly #authFailed;
  readonly #readOnly;
  readonly #writeErrors;

  constructor(components: StoreComponents, init: { routing: Routing }) {
    this.#components = components;
    this.#routing = init.routing;
    const { metrics } = components;
    this.#authFailed = metrics.counter('isthmus_store_auth_failed_total', 'Logins and rights that the store refused');
    this.#readOnly = metrics.counter('isthmus_store_readonly_total', 'Writes that met a replica');
    this.#writeErrors = metrics.counter('isthmus_store_write_errors_total', 'Writes that the store refused', [
      'reason',
    ]);
  }

  /** `work` may be done several times: it only reads. */
  read<Result>(key: string, kind: LinkKind, work: (connection: RedisConnection) => Promise<Result>): Promise<Result> {
    return this.#attempts(key, (node) => node.link(kind).run(work));
  }

  readAt<Result>(
    node: RedisNode,
    kind: LinkKind,
    work: (connection: RedisConnection) => Promise<Result>,
  ): Promise<Result> {
    return this.#attemptAt(node, () => node.link(kind).run(work));
  }

  /**
   * `work` has the connection for transactions to itself. It is done again when an earlier attempt may or may not have
   * written: it has to look first, and to recognise its own writing (`attempt` above 1).
   */
  write<Result>(
    key: string,
    work: (connection: RedisConnection, attempt: number) => Promise<Result>,
    kind: WriteKind = 'writes',
  ): Promise<Result> {
    return this.#attempts(key, (node, attempt) =>
      node.turns(kind).take(() => node.link(kind).run((connection) => work(connection, attempt))),
    );
  }

  async #attempts<Result>(key: string, work: (node: RedisNode, attempt: number) => Promise<Result>): Promise<Result> {
    const { clock, random } = this.#components;
    const startedMs = clock.monotonicMs();
    for (let attempt = 1; ; attempt += 1) {
      const node = await this.#routing.nodeOf(key);
      try {
        return await this.#attemptAt(node, () => work(node, attempt));
      } catch (error) {
        const pauseMs = await this.#pauseBeforeNext(error, { node, attempt, spentMs: clock.monotonicMs() - startedMs });
        if (pauseMs === undefined) throw storeErrorOf(error, node.name, key);
        if (pauseMs > 0) await clock.sleep(pauseMs * (0.5 + random.fraction()));
      }
    }
  }

  async #attemptAt<Result>(node: RedisNode, work: () => Promise<Result>): Promise<Result> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof RedisReplyError) this.#note(error, node);
      else if (error instanceof LoginRefusedError) this.#authFailed.add();
      // A wire that fell silent took all connections with it. Each would cost its own time-out to find that out.
      else if (isSilence(error)) node.dropIdle(error);
      if (!(error instanceof RedisReplyError)) this.#routing.suspect(node);
      throw error;
    }
  }

  /** Undefined: it is of no use to try again. */
  async #pauseBeforeNext(
    error: unknown,
    { node, attempt, spentMs }: { readonly node: RedisNode; readonly attempt: number; readonly spentMs: number },
  ): Promise<number | undefined> {
    if (error instanceof ConnectionLostError) return error.isOurs || attempt > LOST_MAX ? undefined : 0;
    if (spentMs >= COMMAND_TIMEOUT_MS / 2) return undefined;
    if (!(error instanceof RedisReplyError)) return undefined;
    switch (error.code) {
      case 'MOVED':
        await this.#routing.heed(error, node);
        // The first is news. More of them are nodes that have not agreed yet who keeps the slot: they need a moment.
        return attempt > MOVES_MAX ? undefined : attempt === 1 ? 0 : SLOT_PAUSE_MS;
      case 'READONLY':
        await this.#routing.heed(error, node);
        return attempt > 1 ? undefined : 0;
      case 'ASK':
      case 'TRYAGAIN':
        return SLOT_PAUSE_MS;
      default:
        return undefined;
    }
  }

  #note(error: RedisReplyError, node: RedisNode): void {
    switch (error.code) {
      case 'NOPERM':
        // Rights are looked up for each command: a connection need not be made anew for new ones.
        this.#authFailed.add();
        break;
      case 'NOAUTH':
      case 'WRONGPASS':
        this.#authFailed.add();
        node.drop(storeErrorOf(error, node.name));
        break;
      case 'READONLY':
        this.#readOnly.add();
        break;
      case 'OOM':
      case 'MISCONF':
      case 'NOREPLICAS':
        this.#writeErrors.add({ reason: error.code });
        break;
      default:
    }
  }
}

/** No answer in time. What is too large has come from a server that answers. */
function isSilence(error: unknown): boolean {
  return error instanceof ConnectionLostError && error.isOurs && !(error instanceof OversizedReplyError);
}

/** Half a second: a cluster that sends to and fro for longer is at odds with itself. */
const MOVES_MAX = 16;
const SLOT_PAUSE_MS = 30;
/** An idle connection may be dead, and one that is shared may be cut off for what another has asked. */
const LOST_MAX = 2;
