import type { Statements } from './rows.ts';
import { numberIn } from './rows.ts';

export type WriteSubject = 'any' | 'roster' | 'join';

/** The counter of writes, moved on inside the writing transaction. */
export class WriteSequence {
  readonly #sql: Statements;

  constructor(sql: Statements) {
    this.#sql = sql;
  }

  /** Counts one write, noted for `subject` too. */
  next(subject: WriteSubject): number {
    const row = this.#sql.prepare("UPDATE writes SET seq = seq + 1 WHERE subject = 'any' RETURNING seq").get();
    const seq = numberIn(row ?? {}, 'seq');
    if (subject !== 'any') this.#sql.prepare('UPDATE writes SET seq = ? WHERE subject = ?').run(seq, subject);
    return seq;
  }

  last(subject: WriteSubject): number {
    return numberIn(this.#sql.prepare('SELECT seq FROM writes WHERE subject = ?').get(subject) ?? {}, 'seq');
  }
}
