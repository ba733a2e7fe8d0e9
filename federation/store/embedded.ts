import type { DatabaseSync } from 'node:sqlite';
import type { Clock } from '../../runtime/clock.ts';
import { errorText } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import type { HeadOrder } from '../model/head.ts';
import type { ClusterId } from '../model/ids.ts';
import type { StoreComponents } from './components.ts';
import type {
  Changes,
  Commit,
  Hint,
  HostableStore,
  JoinBoard,
  LeaseBoard,
  StoredCluster,
  StoredHead,
  StoredRoster,
} from './contract.ts';
import { StoreUnavailableError } from './contract.ts';
import { BoardTables } from './embedded/board-tables.ts';
import { ClusterTables } from './embedded/cluster-tables.ts';
import { isBusy, openStoreFile, storeErrorOf } from './embedded/file.ts';
import { Notices } from './embedded/notices.ts';
import { Statements } from './embedded/rows.ts';
import type { WriteSubject } from './embedded/sequence.ts';
import { WriteSequence } from './embedded/sequence.ts';
import { HintFanout } from './hint-queue.ts';
import type { InspectableStore, StoreBoards } from './inspect.ts';
import { checkCommitLimits, checkHeadLimits, checkOrder, checkRosterLimits } from './limits.ts';

/** Another process's transaction takes milliseconds; one that holds the file longer than this is stuck. */
const BUSY_GIVE_UP_MS = 2_000;
const BUSY_PAUSE_MS = 5;

/**
 * The store contract on one SQLite file, shared by the processes of one machine. One transaction per call; every call
 * runs within one turn of the event loop, so that calls of one handle never interleave.
 */
export class EmbeddedStore implements HostableStore, InspectableStore {
  readonly join: JoinBoard;
  readonly lease: LeaseBoard;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #path: string;
  readonly #db: DatabaseSync;
  readonly #sql: Statements;
  readonly #sequence: WriteSequence;
  readonly #clusters: ClusterTables;
  readonly #boards: BoardTables;
  readonly #fanout = new HintFanout();
  readonly #notices: Notices;
  /** What the readers of hints have been told of. */
  #seen = { any: 0, roster: 0, join: 0 };
  #lookFailed = false;
  #closed = false;

  /** Opens the store at `path`, creating it if need be. Waits for another process that is just creating it. */
  static async open(components: StoreComponents, init: { path: string }): Promise<EmbeddedStore> {
    const db = await retryWhileBusy(components.clock, init.path, () => openStoreFile(init.path));
    return new EmbeddedStore(components, { path: init.path, db });
  }

  private constructor(components: StoreComponents, init: { path: string; db: DatabaseSync }) {
    this.#clock = components.clock;
    this.#log = components.log;
    this.#path = init.path;
    this.#db = init.db;
    this.#sql = new Statements(init.db);
    this.#sequence = new WriteSequence(this.#sql);
    this.#clusters = new ClusterTables(this.#sql, this.#sequence);
    this.#boards = new BoardTables(this.#sql, this.#sequence);
    this.#notices = new Notices(components, { path: `${init.path}.notice`, look: () => this.#look() });
    this.join = this.#joinBoard();
    this.lease = this.#leaseBoard();
  }

  async commit(commit: Commit): Promise<void> {
    checkCommitLimits(commit);
    await this.#write(() => this.#clusters.commit(commit));
  }

  async beat(cluster: ClusterId, beat: StoredHead): Promise<void> {
    checkHeadLimits(beat);
    await this.#write(() => this.#clusters.beat(cluster, beat));
  }

  read(cluster: ClusterId): Promise<StoredCluster | undefined> {
    return this.#view(() => this.#clusters.read(cluster));
  }

  async changes(cluster: ClusterId, after: HeadOrder): Promise<Changes> {
    checkOrder(after);
    return this.#view(() => this.#clusters.changes(cluster, after));
  }

  heads(): Promise<ReadonlyMap<ClusterId, StoredHead>> {
    return this.#view(() => this.#clusters.heads());
  }

  roster(): Promise<StoredRoster | undefined> {
    return this.#view(() => this.#boards.roster());
  }

  async putRoster(roster: StoredRoster): Promise<void> {
    checkRosterLimits(roster);
    await this.#write(() => this.#boards.putRoster(roster));
  }

  boards(): Promise<StoreBoards> {
    return this.#view(() => this.#boards.listed(this.#clock.epochMs()));
  }

  credentialOf(tokenId: string): Promise<Uint8Array | undefined> {
    return this.#view(() => this.#boards.joinEntry(tokenId, this.#clock.epochMs())?.credential);
  }

  watch(signal: AbortSignal): AsyncIterable<Hint> {
    this.#checkOpen();
    // The first reader starts from now; a later one may be told of a little more, which is harmless.
    if (this.#fanout.size === 0) this.#seen = this.#currentWrites();
    const hints = this.#fanout.open(signal, () => {
      if (this.#fanout.size === 0) this.#notices.unfollow();
    });
    if (this.#fanout.size > 0) this.#notices.follow();
    return hints;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#fanout.end();
    this.#notices.close();
    this.#db.close();
  }

  #joinBoard(): JoinBoard {
    const nowMs = (): number => this.#clock.epochMs();
    return {
      offer: (offer) => this.#write(() => this.#boards.offer(offer, nowMs())),
      request: (request) => this.#write(() => this.#boards.request(request, nowMs())),
      answer: (answer) => this.#write(() => this.#boards.answer(answer, nowMs())),
      pending: () => this.#view(() => this.#boards.pending(nowMs())),
      answerFor: (tokenId) => this.#view(() => this.#boards.joinEntry(tokenId, nowMs())?.answer),
    };
  }

  #leaseBoard(): LeaseBoard {
    return {
      acquire: (name, holder, ttlMs) =>
        this.#write(() => this.#boards.acquire(name, holder, ttlMs, this.#clock.epochMs())),
      release: (name, holder) => this.#write(() => this.#boards.release(name, holder)),
    };
  }

  /** Tells others in the same turn as the commit, so that a store that is being closed posts nothing any more. */
  #write<T>(work: () => T): Promise<T> {
    return retryWhileBusy(this.#clock, this.#path, () => {
      const result = this.#transaction('BEGIN IMMEDIATE', work);
      this.#notices.post();
      this.#look();
      return result;
    });
  }

  /** One consistent snapshot for all that `work` reads. */
  #view<T>(work: () => T): Promise<T> {
    return retryWhileBusy(this.#clock, this.#path, () => this.#transaction('BEGIN', work));
  }

  #transaction<T>(begin: string, work: () => T): T {
    this.#checkOpen();
    this.#db.exec(begin);
    try {
      const result = work();
      this.#db.exec('COMMIT');
      return result;
    } catch (error) {
      // SQLite has already rolled back by itself after some errors, a full disk among them.
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
      throw error;
    }
  }

  #checkOpen(): void {
    if (this.#closed) throw new StoreUnavailableError('the store is closed');
  }

  #currentWrites(): { any: number; roster: number; join: number } {
    const last = (subject: WriteSubject): number => this.#sequence.last(subject);
    return { any: last('any'), roster: last('roster'), join: last('join') };
  }

  /** Turns what was written since the last look, by whichever process, into hints. */
  #look(): void {
    if (this.#closed || this.#fanout.size === 0) return;
    try {
      const now = this.#currentWrites();
      if (this.#lookFailed || now.any < this.#seen.any) this.#fanout.push({ kind: 'gap' });
      this.#lookFailed = false;
      if (now.any === this.#seen.any) return;
      const since = this.#seen;
      this.#seen = now;
      for (const [cluster, head] of this.#clusters.headsSince(since.any)) {
        this.#fanout.push({ kind: 'cluster', cluster, head });
      }
      if (now.roster > since.roster) this.#fanout.push({ kind: 'roster' });
      if (now.join > since.join) this.#fanout.push({ kind: 'join' });
    } catch (error) {
      this.#lookFailed = true;
      this.#log.debug('cannot look for changes in the store', { file: this.#path, error: errorText(error) });
    }
  }
}

async function retryWhileBusy<T>(clock: Clock, path: string, attempt: () => T): Promise<T> {
  const giveUpAtMs = clock.monotonicMs() + BUSY_GIVE_UP_MS;
  for (;;) {
    try {
      return attempt();
    } catch (error) {
      if (!isBusy(error) || clock.monotonicMs() >= giveUpAtMs) throw storeErrorOf(error, path);
    }
    await clock.sleep(BUSY_PAUSE_MS);
  }
}
