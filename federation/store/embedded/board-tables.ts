import type { JoinRequest, Lease, StoredRoster } from '../contract.ts';
import { STORE_LIMITS } from '../contract.ts';
import { checkRosterVersion } from '../fencing.ts';
import { listJoin, type StoreBoards } from '../inspect.ts';
import type { JoinEntry, JoinOffer } from '../join-rules.ts';
import { answerJoin, joinRetainedSinceMs, offerJoin, requestJoin } from '../join-rules.ts';
import type { LeaseEntry } from '../lease-rules.ts';
import { acquireLease, describeLease, releaseLease } from '../lease-rules.ts';
import { atMost } from '../limits.ts';
import type { Row, Statements } from './rows.ts';
import { bytesIn, numberIn, optionalBytesIn, textIn } from './rows.ts';
import type { WriteSequence } from './sequence.ts';

/**
 * Roster, join board and leases. Every method runs inside a transaction of its caller's. Leases are in wall-clock time,
 * the one clock that the processes of a machine share: a jump can end one early, which fencing makes harmless.
 */
export class BoardTables {
  readonly #sql: Statements;
  readonly #sequence: WriteSequence;

  constructor(sql: Statements, sequence: WriteSequence) {
    this.#sql = sql;
    this.#sequence = sequence;
  }

  roster(): StoredRoster | undefined {
    const row = this.#sql.prepare('SELECT version, bytes FROM roster').get();
    return row && { version: numberIn(row, 'version'), bytes: bytesIn(row, 'bytes') };
  }

  putRoster(roster: StoredRoster): void {
    const row = this.#sql.prepare('SELECT version FROM roster').get();
    checkRosterVersion(row && numberIn(row, 'version'), roster.version);
    this.#sql
      .prepare('INSERT OR REPLACE INTO roster (id, version, bytes) VALUES (1, ?, ?)')
      .run(roster.version, roster.bytes);
    this.#sequence.next('roster');
  }

  offer(offer: JoinOffer, nowMs: number): void {
    this.#sql.prepare('DELETE FROM joins WHERE expires_at_ms <= ?').run(joinRetainedSinceMs(nowMs));
    const existing = this.joinEntry(offer.tokenId, nowMs);
    const entry = offerJoin(existing, offer);
    if (existing === undefined) atMost('number of join tokens', this.#count('joins') + 1, STORE_LIMITS.joinsMax);
    this.#keepJoin(entry);
  }

  request(request: JoinRequest, nowMs: number): void {
    this.#keepJoin(requestJoin(this.joinEntry(request.tokenId, nowMs), request, nowMs));
  }

  answer(answer: JoinRequest, nowMs: number): void {
    this.#keepJoin(answerJoin(this.joinEntry(answer.tokenId, nowMs), answer));
  }

  pending(nowMs: number): readonly JoinRequest[] {
    return this.#sql
      .prepare(
        `SELECT token_id, request FROM joins
         WHERE request IS NOT NULL AND answer IS NULL AND expires_at_ms > ? ORDER BY token_id`,
      )
      .all(joinRetainedSinceMs(nowMs))
      .map((row) => ({ tokenId: textIn(row, 'token_id'), bytes: bytesIn(row, 'request') }));
  }

  joinEntry(tokenId: string, nowMs: number): JoinEntry | undefined {
    const row = this.#sql
      .prepare('SELECT * FROM joins WHERE token_id = ? AND expires_at_ms > ?')
      .get(tokenId, joinRetainedSinceMs(nowMs));
    return row && joinEntryIn(row);
  }

  acquire(name: string, holder: string, ttlMs: number, nowMs: number): Lease {
    const existing = this.#leaseEntry(name);
    const entry = acquireLease(existing, { name, holder, ttlMs }, nowMs);
    if (existing === undefined) atMost('number of leases', this.#count('leases') + 1, STORE_LIMITS.leasesMax);
    if (entry !== existing) this.#keepLease(name, entry);
    return describeLease(entry, nowMs);
  }

  release(name: string, holder: string): void {
    const entry = releaseLease(this.#leaseEntry(name), holder);
    if (entry !== undefined) this.#keepLease(name, entry);
  }

  /** For people who look. Expired tokens that are still kept are among them. */
  listed(nowMs: number): StoreBoards {
    const joins = this.#sql.prepare('SELECT * FROM joins ORDER BY token_id').all().map(joinEntryIn);
    const leases = this.#sql.prepare('SELECT name, holder, transitions, expires_at_ms FROM leases ORDER BY name').all();
    return {
      joins: joins.map(listJoin),
      leases: leases.map((row) => ({
        name: textIn(row, 'name'),
        holder: textIn(row, 'holder'),
        transitions: numberIn(row, 'transitions'),
        expiresInMs: numberIn(row, 'expires_at_ms') - nowMs,
      })),
    };
  }

  #keepJoin(entry: JoinEntry): void {
    this.#sql
      .prepare(
        'INSERT OR REPLACE INTO joins (token_id, credential, expires_at_ms, request, answer) VALUES (?, ?, ?, ?, ?)',
      )
      .run(entry.tokenId, entry.credential, entry.expiresAtMs, entry.request ?? null, entry.answer ?? null);
    this.#sequence.next('join');
  }

  #leaseEntry(name: string): LeaseEntry | undefined {
    const row = this.#sql.prepare('SELECT holder, transitions, expires_at_ms FROM leases WHERE name = ?').get(name);
    return (
      row && {
        holder: textIn(row, 'holder'),
        transitions: numberIn(row, 'transitions'),
        expiresAtMs: numberIn(row, 'expires_at_ms'),
      }
    );
  }

  #keepLease(name: string, { holder, transitions, expiresAtMs }: LeaseEntry): void {
    this.#sql
      .prepare('INSERT OR REPLACE INTO leases (name, holder, transitions, expires_at_ms) VALUES (?, ?, ?, ?)')
      .run(name, holder, transitions, Math.ceil(expiresAtMs));
  }

  #count(table: 'joins' | 'leases'): number {
    return numberIn(this.#sql.prepare(`SELECT count(*) AS rows FROM ${table}`).get() ?? {}, 'rows');
  }
}

function joinEntryIn(row: Row): JoinEntry {
  return {
    tokenId: textIn(row, 'token_id'),
    credential: bytesIn(row, 'credential'),
    expiresAtMs: numberIn(row, 'expires_at_ms'),
    request: optionalBytesIn(row, 'request'),
    answer: optionalBytesIn(row, 'answer'),
  };
}
