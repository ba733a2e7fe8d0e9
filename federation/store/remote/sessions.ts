import { createHash } from 'node:crypto';
import type { Clock } from '../../../runtime/clock.ts';
import type { Random } from '../../../runtime/random.ts';
import { StoreLimitError } from '../contract.ts';
import type { Principal } from './access.ts';
import { SessionRefusedError } from './wire-errors.ts';

/** An hour bounds what a stolen session is worth; a new login costs one round trip. */
const SESSION_LIFETIME_MS = 60 * 60 * 1000;
/** Two replicas and a few CLI calls, each of which may leave one behind. */
const SESSIONS_PER_PRINCIPAL_MAX = 8;
const SESSIONS_MAX = 10_000;
/** Unary calls and reads of one session at a time; our client keeps to fewer. */
const CALLS_PER_SESSION_MAX = 16;
const WATCHES_PER_SESSION_MAX = 4;
const TOKEN_BYTES = 32;
const SWEEP_INTERVAL_MS = 5_000;

export interface Session {
  readonly principal: Principal;
  /** The member's incarnation at login: a cluster that joins anew must log in anew. */
  readonly incarnation: number;
  /** Fires when the session is dropped, so that its watches end. */
  readonly ended: AbortSignal;
}

interface OpenSession extends Session {
  readonly end: AbortController;
  readonly owner: string;
  readonly endsAtMs: number;
  calls: number;
  watches: number;
}

/** Bearer sessions, in memory: a restarted server knows none, and its clients log in again. */
export class Sessions {
  readonly #clock: Clock;
  readonly #random: Random;
  /** By sha256 of the token, oldest first: what is looked up does not reveal the secret by its timing. */
  readonly #sessions = new Map<string, OpenSession>();
  #sweepAtMs = 0;

  constructor(components: { clock: Clock; random: Random }) {
    this.#clock = components.clock;
    this.#random = components.random;
  }

  get size(): number {
    return this.#sessions.size;
  }

  /** A new session that lasts `validForMs` at most. The oldest of the same owner makes room for it. */
  open(
    principal: Principal,
    init: { readonly incarnation: number; readonly validForMs: number },
  ): { readonly token: string; readonly expiresInMs: number } {
    this.#sweep();
    const owner = ownerOf(principal);
    const own = [...this.#sessions].filter(([, session]) => session.owner === owner);
    for (const [id, session] of own.slice(0, Math.max(0, own.length - SESSIONS_PER_PRINCIPAL_MAX + 1)))
      this.#drop(id, session);
    if (this.#sessions.size >= SESSIONS_MAX)
      throw new StoreLimitError('number of sessions', SESSIONS_MAX + 1, SESSIONS_MAX);
    const expiresInMs = Math.max(0, Math.min(SESSION_LIFETIME_MS, init.validForMs));
    const token = Buffer.from(this.#random.bytes(TOKEN_BYTES)).toString('base64url');
    const end = new AbortController();
    this.#sessions.set(idOf(token), {
      principal,
      incarnation: init.incarnation,
      ended: end.signal,
      end,
      owner,
      endsAtMs: this.#clock.monotonicMs() + expiresInMs,
      calls: 0,
      watches: 0,
    });
    return { token, expiresInMs };
  }

  /** @throws SessionRefusedError */
  find(token: string): Session {
    return this.#find(token);
  }

  /** Counts a call in; what comes back counts it out again. @throws StoreLimitError */
  enter(token: string, kind: 'call' | 'watch'): () => void {
    const session = this.#find(token);
    if (kind === 'call') {
      if (session.calls >= CALLS_PER_SESSION_MAX) throw tooMany('calls', CALLS_PER_SESSION_MAX);
      session.calls += 1;
    } else {
      if (session.watches >= WATCHES_PER_SESSION_MAX) throw tooMany('watches', WATCHES_PER_SESSION_MAX);
      session.watches += 1;
    }
    let isIn = true;
    return () => {
      if (!isIn) return;
      isIn = false;
      if (kind === 'call') session.calls -= 1;
      else session.watches -= 1;
    };
  }

  dropWhere(isOver: (session: Session) => boolean): void {
    for (const [id, session] of this.#sessions) if (isOver(session)) this.#drop(id, session);
  }

  #find(token: string): OpenSession {
    // Any caller's call ends what has expired, so that no watch outlives its session by much.
    if (this.#clock.monotonicMs() >= this.#sweepAtMs) this.#sweep();
    const id = idOf(token);
    const session = this.#sessions.get(id);
    if (session === undefined) throw new SessionRefusedError('the session is unknown or over');
    if (this.#clock.monotonicMs() < session.endsAtMs) return session;
    this.#drop(id, session);
    throw new SessionRefusedError('the session has expired');
  }

  #sweep(): void {
    const nowMs = this.#clock.monotonicMs();
    this.#sweepAtMs = nowMs + SWEEP_INTERVAL_MS;
    for (const [id, session] of this.#sessions) if (session.endsAtMs <= nowMs) this.#drop(id, session);
  }

  #drop(id: string, session: OpenSession): void {
    this.#sessions.delete(id);
    session.end.abort();
  }
}

function idOf(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}

function ownerOf(principal: Principal): string {
  switch (principal.kind) {
    case 'member':
      return `member/${principal.cluster}`;
    case 'joiner':
      return `joiner/${principal.tokenId}`;
    case 'claimant':
      return 'claimant';
    default:
      return principal satisfies never;
  }
}

function tooMany(what: string, max: number): StoreLimitError {
  return new StoreLimitError(`number of ${what} of one session at a time`, max + 1, max);
}
