import type { ClusterId } from '../federation/model/ids.ts';
import { type JoinRequest, STORE_LIMITS } from '../federation/store/contract.ts';
import { listStores, type Stores } from '../federation/store/several.ts';
import { BULK_TIMEOUT_MS, withDeadline } from '../federation/sync/deadline.ts';
import type { Clock } from '../runtime/clock.ts';
import { errorText, IsthmusError } from '../runtime/errors.ts';
import type { Logger } from '../runtime/log.ts';
import type { Random } from '../runtime/random.ts';
import { admit, retire } from '../trust/authority.ts';
import { SERIAL_BYTES } from '../trust/certificates.ts';
import type { Roster } from '../trust/contract.ts';
import type { TokenJournal } from '../trust/journal.ts';
import { makeJoinAnswer, makeJoinRefusal, openJoinRequest } from '../trust/join-messages.ts';
import type { PrivateKey } from '../trust/private-key.ts';
import { signRoster } from '../trust/roster.ts';
import { type JoinToken, makeToken, storeCredential } from '../trust/token.ts';
import type { TokenState } from '../trust/token-ledger.ts';
import { type Offer, OfferedBoard } from './offered-board.ts';
import { type DraftKeep, RosterDraft, type SignedRoster } from './roster-draft.ts';

/**
 * The authority's desk: makes tokens, judges the join requests that come through the stores, and publishes the roster that
 * names the new member. Order matters for a crash at any point: the journal first (a token is never redeemed twice),
 * then the roster (on the own disk, then in the stores), then the answer; each step is repeated harmlessly when the
 * request is found again. Requests are looked for in every store and answered where they are.
 */
export interface JoinDeskComponents {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly store: Stores;
  readonly journal: TokenJournal;
  readonly rootKey: PrivateKey;
  /** DER of the root that signs. */
  readonly rootCertificate: Uint8Array;
}

export interface JoinDeskInit {
  readonly roster: () => Roster;
  /** Where the roster that was signed last is kept. Absent: in memory, for tests. */
  readonly draft?: DraftKeep | undefined;
  /** Called with each roster that was published. */
  readonly onRoster: (roster: Roster, bytes: Uint8Array) => Promise<void>;
}

export interface TokenOrder {
  readonly cluster: ClusterId;
  /** The store's URL as the joiner reaches it. */
  readonly store: string;
  readonly rootFingerprint: string;
  readonly lifetimeMs?: number | undefined;
}

/** One store's board, and how looking at it goes. */
interface Desk {
  readonly board: OfferedBoard;
  working: Promise<void> | undefined;
  again: boolean;
  /** It has told what waits there since this process began, or could not. */
  looked: boolean;
  /** Tokens whose requests waited there when it was looked at last. */
  waiting: ReadonlySet<string>;
  lastError: string | undefined;
}

export class JoinDesk {
  readonly #components: JoinDeskComponents;
  readonly #init: JoinDeskInit;
  readonly #desks: readonly Desk[];
  /** The newest roster published here: the follower may hear of it later than the next request comes. */
  #published: Roster | undefined;
  readonly #draft: RosterDraft;
  readonly #ignored = new Set<string>();
  /** Each admission builds on the roster of the one before: one at a time, whichever store it came from. */
  #serving: Promise<void> = Promise.resolve();

  constructor(components: JoinDeskComponents, init: JoinDeskInit) {
    this.#components = components;
    this.#init = init;
    this.#draft = new RosterDraft({ kept: init.draft, root: components.rootCertificate });
    this.#desks = listStores(components.store).map((listed) => ({
      board: new OfferedBoard(components, listed),
      working: undefined,
      again: false,
      looked: false,
      waiting: new Set(),
      lastError: undefined,
    }));
  }

  /** Journalled before it is offered: a token that the journal does not know is never honoured. */
  async makeToken(order: TokenOrder): Promise<JoinToken> {
    const { clock, random, journal, log } = this.#components;
    const { clustersetDomain } = this.#roster();
    const token = makeToken({ ...order, clustersetDomain, nowMs: clock.epochMs() }, random);
    const { tokenId, cluster, secret, expiresAtMs } = token;
    await journal.append({ kind: 'token-issued', tokenId, cluster, secret, expiresAtMs });
    await this.#offer({ tokenId, credential: storeCredential(token), expiresAtMs });
    log.info('join token made', { tokenId, member: cluster, expiresAtMs });
    return token;
  }

  /** Takes members that said goodbye off the roster. In its turn: it builds on the roster of the admission before it. */
  retire(leavers: readonly { readonly cluster: ClusterId; readonly incarnation: number }[]): Promise<void> {
    return this.#inTurn(async () => {
      await this.#finishDraft();
      const { clock, rootKey, log } = this.#components;
      const before = this.#roster();
      const roster = leavers.reduce((now, leaver) => retire(now, leaver, clock.epochMs()), before);
      if (roster === before) return;
      // Several at once are one change.
      const next = { ...roster, version: before.version + 1 };
      const draft = { roster: next, bytes: signRoster(rootKey, next) };
      await this.#draft.keep(draft);
      await this.#publish(draft);
      log.info('members left', { members: leavers.map(({ cluster }) => cluster), rosterVersion: next.version });
    });
  }

  /** Looks at every board now (a hint, or time to look anyway). One look at a board at a time. */
  async look(): Promise<void> {
    await Promise.all(this.#desks.map((desk) => this.#lookAt(desk)));
  }

  /** One store that has it is enough to hand the token out. @throws what the first store said, when none took it. */
  async #offer(offer: Offer): Promise<void> {
    const offered = await Promise.allSettled(this.#desks.map(({ board }) => board.offer(offer)));
    for (const [index, result] of offered.entries()) {
      if (result.status === 'fulfilled') continue;
      if (offered.every(({ status }) => status === 'rejected')) throw result.reason;
      const store = this.#desks[index]?.board.listed.name;
      this.#components.log.warn('a token could not be offered in a store yet', {
        store,
        error: errorText(result.reason),
      });
    }
  }

  #lookAt(desk: Desk): Promise<void> {
    desk.again = true;
    desk.working ??= this.#loop(desk).finally(() => {
      desk.working = undefined;
      // Asked for after the last look and before this.
      if (desk.again) void this.#lookAt(desk);
    });
    return desk.working;
  }

  /** Never rejects. */
  async #loop(desk: Desk): Promise<void> {
    while (desk.again) {
      desk.again = false;
      try {
        const pending = await desk.board.pending();
        desk.looked = true;
        desk.waiting = new Set(pending.map(({ tokenId }) => tokenId));
        desk.lastError = undefined;
        await this.#inTurn(() => this.#serveAll(pending, desk.board));
      } catch (error) {
        desk.looked = true;
        this.#lookFailed(desk, error);
      }
    }
  }

  /** A server that hangs fails in two ways by turns, for as long as it hangs: told is what kind of failure it is. */
  #lookFailed(desk: Desk, error: unknown): void {
    const { name: store } = desk.board.listed;
    const kind = error instanceof IsthmusError ? error.code : errorText(error);
    if (kind !== desk.lastError) {
      this.#components.log.warn('join requests could not be looked at, will try again', {
        store,
        error: errorText(error),
      });
    }
    desk.lastError = kind;
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const turn = this.#serving.then(work);
    this.#serving = turn.catch(() => undefined); // the one whose turn it was hears of it
    return turn;
  }

  /** A join that was interrupted was promised a roster version: no other may take that version before it. */
  async #serveAll(pending: readonly JoinRequest[], board: OfferedBoard): Promise<void> {
    const { tokens } = this.#components.journal;
    const isBegun = ({ tokenId }: JoinRequest): boolean => tokens.get(tokenId)?.redemption !== undefined;
    for (const request of pending.filter(isBegun)) await this.#try(request, board);
    for (const request of pending.filter((one) => !isBegun(one))) {
      if (!this.#isPromised()) await this.#try(request, board);
    }
  }

  /** A begun join is not finished, and its request waits in a store, or in one that has not told yet. */
  #isPromised(): boolean {
    const { version } = this.#roster();
    const mayWait = (tokenId: string): boolean =>
      this.#desks.some(({ looked, waiting }) => !looked || waiting.has(tokenId));
    return [...this.#components.journal.tokens].some(
      ([tokenId, { redemption }]) => redemption !== undefined && redemption.rosterVersion > version && mayWait(tokenId),
    );
  }

  /** One request that cannot be served does not keep the others. It stays on the board and is tried again. */
  async #try(request: JoinRequest, board: OfferedBoard): Promise<void> {
    try {
      await this.#serve(request, board);
    } catch (error) {
      const { tokenId } = request;
      this.#components.log.warn('a join request could not be served, will try again', {
        tokenId,
        error: errorText(error),
      });
    }
  }

  async #serve(request: JoinRequest, board: OfferedBoard): Promise<void> {
    const { tokenId } = request;
    const { journal } = this.#components;
    const token = journal.tokens.get(tokenId);
    if (token === undefined) {
      this.#ignore(tokenId, { reason: 'TokenUnknown', message: 'this authority did not make the token' });
      return;
    }
    const opened = openJoinRequest(request.bytes, token.secret);
    if (!opened.ok) {
      this.#ignore(tokenId, opened);
      return;
    }
    await this.#finishDraft();
    const bytes = await this.#decide(token, opened.value);
    await board.answer({ tokenId, bytes });
  }

  /** Unanswered, it is found again at every look, until the store forgets it: one line is enough. */
  #ignore(tokenId: string, { reason, message }: { readonly reason: string; readonly message: string }): void {
    if (this.#ignored.has(tokenId)) return;
    if (this.#ignored.size >= STORE_LIMITS.joinsMax) this.#ignored.clear();
    this.#ignored.add(tokenId);
    this.#components.log.warn('a join request is ignored', { tokenId, reason, message });
  }

  async #decide(
    token: TokenState,
    request: { cluster: ClusterId; publicKey: Uint8Array; nonce: Uint8Array },
  ): Promise<Uint8Array> {
    const { clock, random, journal, log, rootKey, rootCertificate } = this.#components;
    const { tokenId, secret } = token;
    const roster = this.#roster();
    const serial = random.bytes(SERIAL_BYTES);
    const nowMs = clock.epochMs();
    const admitted = admit({ roster, token, request, rootKey, rootCertificate, nowMs, serial });
    if (!admitted.ok) {
      const { reason, message } = admitted;
      log.warn('join refused', { tokenId, member: request.cluster, reason, message });
      return makeJoinRefusal({ secret, nonce: request.nonce, reason, message });
    }
    const { clusterCa, redemption, roster: next } = admitted.value;
    if (token.redemption === undefined) {
      await journal.append({ kind: 'token-redeemed', tokenId, atMs: nowMs, ...redemption });
    }
    if (next !== roster) {
      const draft = { roster: next, bytes: signRoster(rootKey, next) };
      await this.#draft.keep(draft);
      await this.#publish(draft);
    }
    log.info('cluster joined', { tokenId, member: request.cluster, rosterVersion: next.version });
    return makeJoinAnswer({ secret, nonce: request.nonce, clusterCa, rosterVersion: next.version });
  }

  #roster(): Roster {
    const followed = this.#init.roster();
    return this.#published !== undefined && this.#published.version > followed.version ? this.#published : followed;
  }

  /**
   * What was signed and not confirmed may be in a store that is away: nothing else may have its version, in this run or
   * the next. Then whoever it names is admitted already.
   */
  async #finishDraft(): Promise<void> {
    const draft = await this.#draft.newest();
    if (draft !== undefined && draft.roster.version > this.#roster().version) await this.#publish(draft);
  }

  /** The first store that takes it makes it valid; the others get it as soon as they can. */
  async #publish({ roster, bytes }: SignedRoster): Promise<void> {
    const { version } = roster;
    const puts = listStores(this.#components.store).map(({ store }) => this.#put(store.putRoster({ version, bytes })));
    try {
      await Promise.any(puts);
    } catch (error) {
      throw error instanceof AggregateError ? error.errors[0] : error;
    }
    this.#published = roster;
    await this.#init.onRoster(roster, bytes);
  }

  #put(work: Promise<void>): Promise<void> {
    const { clock } = this.#components;
    return withDeadline(work, { clock, timeoutMs: BULK_TIMEOUT_MS, what: 'putRoster' });
  }
}
