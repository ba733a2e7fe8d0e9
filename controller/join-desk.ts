import type { ClusterId } from '../federation/model/ids.ts';
import { type JoinRequest, STORE_LIMITS, type Store } from '../federation/store/contract.ts';
import type { Clock } from '../runtime/clock.ts';
import { errorText } from '../runtime/errors.ts';
import type { Logger } from '../runtime/log.ts';
import type { Random } from '../runtime/random.ts';
import { admit } from '../trust/authority.ts';
import { SERIAL_BYTES } from '../trust/certificates.ts';
import type { Roster } from '../trust/contract.ts';
import type { Journal } from '../trust/journal.ts';
import { makeJoinAnswer, makeJoinRefusal, openJoinRequest } from '../trust/join-messages.ts';
import type { PrivateKey } from '../trust/private-key.ts';
import { signRoster } from '../trust/roster.ts';
import { type JoinToken, makeToken, storeCredential } from '../trust/token.ts';
import type { TokenState } from '../trust/token-ledger.ts';

/**
 * The authority's desk: makes tokens, judges the join requests that come through the store, and publishes the roster that
 * names the new member. Order matters for a crash at any point: the journal first (a token is never redeemed twice),
 * then the roster, then the answer; each step is repeated harmlessly when the request is found again.
 */
export interface JoinDeskComponents {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly store: Store;
  readonly journal: Journal;
  readonly rootKey: PrivateKey;
  /** DER of the root that signs. */
  readonly rootCertificate: Uint8Array;
}

export interface JoinDeskInit {
  readonly roster: () => Roster;
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

export class JoinDesk {
  readonly #components: JoinDeskComponents;
  readonly #init: JoinDeskInit;
  /** The newest roster published here: the follower may hear of it later than the next request comes. */
  #published: Roster | undefined;
  readonly #ignored = new Set<string>();
  #working: Promise<void> | undefined;
  #again = false;

  constructor(components: JoinDeskComponents, init: JoinDeskInit) {
    this.#components = components;
    this.#init = init;
  }

  /** Journalled before it is offered: a token that the journal does not know is never honoured. */
  async makeToken(order: TokenOrder): Promise<JoinToken> {
    const { clock, random, journal, store, log } = this.#components;
    const { clustersetDomain } = this.#roster();
    const token = makeToken({ ...order, clustersetDomain, nowMs: clock.epochMs() }, random);
    const { tokenId, cluster, secret, expiresAtMs } = token;
    await journal.append({ kind: 'token-issued', tokenId, cluster, secret, expiresAtMs });
    await store.join.offer({ tokenId, credential: storeCredential(token), expiresAtMs });
    log.info('join token made', { tokenId, member: cluster, expiresAtMs });
    return token;
  }

  /** Looks at the board now (a hint, or time to look anyway). One look at a time. */
  look(): Promise<void> {
    this.#again = true;
    this.#working ??= this.#loop().finally(() => {
      this.#working = undefined;
      // Asked for after the last look and before this.
      if (this.#again) void this.look();
    });
    return this.#working;
  }

  async #loop(): Promise<void> {
    while (this.#again) {
      this.#again = false;
      try {
        const pending = await this.#components.store.join.pending();
        for (const request of this.#begunFirst(pending)) await this.#try(request);
      } catch (error) {
        this.#components.log.warn('join requests could not be looked at, will try again', { error: errorText(error) });
      }
    }
  }

  /** A join that a crash interrupted was promised a roster version: no other may take that version before it. */
  #begunFirst(pending: readonly JoinRequest[]): readonly JoinRequest[] {
    const { tokens } = this.#components.journal;
    const isBegun = ({ tokenId }: JoinRequest): boolean => tokens.get(tokenId)?.redemption !== undefined;
    return [...pending.filter(isBegun), ...pending.filter((request) => !isBegun(request))];
  }

  /** One request that cannot be served does not keep the others. It stays on the board and is tried again. */
  async #try(request: JoinRequest): Promise<void> {
    try {
      await this.#serve(request);
    } catch (error) {
      const { tokenId } = request;
      this.#components.log.warn('a join request could not be served, will try again', {
        tokenId,
        error: errorText(error),
      });
    }
  }

  async #serve(request: JoinRequest): Promise<void> {
    const { tokenId } = request;
    const { journal, store } = this.#components;
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
    const answer = await this.#decide(token, opened.value);
    await store.join.answer({ tokenId, bytes: answer });
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
    if (next !== roster) await this.#publish(next);
    log.info('cluster joined', { tokenId, member: request.cluster, rosterVersion: next.version });
    return makeJoinAnswer({ secret, nonce: request.nonce, clusterCa, rosterVersion: next.version });
  }

  #roster(): Roster {
    const followed = this.#init.roster();
    return this.#published !== undefined && this.#published.version > followed.version ? this.#published : followed;
  }

  async #publish(roster: Roster): Promise<void> {
    const bytes = signRoster(this.#components.rootKey, roster);
    await this.#components.store.putRoster({ version: roster.version, bytes });
    this.#published = roster;
    await this.#init.onRoster(roster, bytes);
  }
}
