import type { DatabaseSync, SQLOutputValue, StatementSync } from 'node:sqlite';
import { StoreFileError } from '../contract.ts';

/** Rows of SQLite as typed values. The tables are STRICT, so a wrong type means a damaged or foreign file. */
export type Row = Readonly<Record<string, SQLOutputValue>>;

export function numberIn(row: Row, column: string): number {
  const value = row[column];
  if (typeof value !== 'number') throw wrongType(column);
  return value;
}

export function textIn(row: Row, column: string): string {
  const value = row[column];
  if (typeof value !== 'string') throw wrongType(column);
  return value;
}

export function bytesIn(row: Row, column: string): Uint8Array {
  const value = row[column];
  if (!(value instanceof Uint8Array)) throw wrongType(column);
  return value;
}

export function optionalBytesIn(row: Row, column: string): Uint8Array | undefined {
  return row[column] === null ? undefined : bytesIn(row, column);
}

/** Statements are prepared at first use: one that a process never runs costs it nothing. */
export class Statements {
  readonly #db: DatabaseSync;
  readonly #prepared = new Map<string, StatementSync>();

  constructor(db: DatabaseSync) {
    this.#db = db;
  }

  prepare(sql: string): StatementSync {
    const known = this.#prepared.get(sql);
    if (known !== undefined) return known;
    const made = this.#db.prepare(sql);
    this.#prepared.set(sql, made);
    return made;
  }
}

function wrongType(column: string): StoreFileError {
  return new StoreFileError(`column ${column} of the embedded store has an unexpected type`, {
    hint: 'the file is damaged or was written by something else: move it away and start again',
  });
}
