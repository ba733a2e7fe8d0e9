import { chmodSync, closeSync, mkdirSync, openSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { IsthmusError } from '../../../runtime/errors.ts';
import { StoreFileError, StoreUnavailableError } from '../contract.ts';
import { numberIn } from './rows.ts';
import { SCHEMA_SQL } from './schema.ts';

/** "ISTM": says in the file itself whose it is, so that a foreign database is never written to. */
const APPLICATION_ID = 0x4953_544d;
const SCHEMA_VERSION = 1;
/** SQLite waits this long inside a call, blocking the event loop; longer waits are ours, between calls. */
const BUSY_BLOCKING_MS = 10;
/** The write-ahead log shrinks back to this after a burst. */
const WAL_BYTES_KEPT = 16 * 1024 * 1024;

const MOVE_AWAY_HINT =
  'move the file away (with its -wal and -shm) and start again: every cluster publishes anew, nothing is lost for good';

/** Opens or creates the database of an embedded store: mode 0600, in a folder that nobody else can write to. */
export function openStoreFile(path: string): DatabaseSync {
  prepareFile(path);
  const db = new DatabaseSync(path, { timeout: BUSY_BLOCKING_MS });
  try {
    claimOrCheck(db, path);
    db.exec('PRAGMA synchronous = NORMAL');
    db.exec(`PRAGMA journal_size_limit = ${WAL_BYTES_KEPT}`);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

function prepareFile(path: string): void {
  const folder = dirname(path);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  if ((statSync(folder).mode & 0o022) !== 0) {
    throw new StoreFileError(`the folder ${folder} of the embedded store can be written to by others`, {
      hint: 'give the store a folder of its own, mode 0700',
    });
  }
  closeSync(openSync(path, 'a', 0o600));
  // An older file, or one restored from a backup, may be readable by all.
  if ((statSync(path).mode & 0o077) !== 0) chmodSync(path, 0o600);
}

function claimOrCheck(db: DatabaseSync, path: string): void {
  const owner = pragma(db, 'application_id');
  const isEmpty = db.prepare('SELECT 1 FROM sqlite_schema LIMIT 1').get() === undefined;
  if (owner === 0 && isEmpty) {
    create(db);
    return;
  }
  if (owner !== APPLICATION_ID) {
    throw new StoreFileError(`${path} is a database of something else, not an embedded store`, {
      hint: 'name another path for the store; this file was left as it is',
    });
  }
  const version = pragma(db, 'user_version');
  if (version === SCHEMA_VERSION) return;
  throw new StoreFileError(
    `${path} has version ${version} of the store's tables, this program reads ${SCHEMA_VERSION}`,
    {
      hint: version > SCHEMA_VERSION ? 'it was written by a newer release: upgrade this one' : MOVE_AWAY_HINT,
    },
  );
}

function create(db: DatabaseSync): void {
  db.exec('PRAGMA journal_mode = WAL');
  db.exec('BEGIN IMMEDIATE');
  try {
    // Two processes may have found the file empty; the second finds the first one's tables here.
    if (pragma(db, 'application_id') === 0) {
      db.exec(SCHEMA_SQL);
      db.exec(`PRAGMA application_id = ${APPLICATION_ID}`);
      db.exec(`PRAGMA user_version = ${SCHEMA_VERSION}`);
    }
    db.exec('COMMIT');
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK');
    throw error;
  }
}

function pragma(db: DatabaseSync, name: string): number {
  return numberIn(db.prepare(`PRAGMA ${name}`).get() ?? {}, name);
}

/** Primary result codes of SQLite (sqlite.org/rescode.html) that need words of their own. */
const SQLITE = { busy: 5, locked: 6, readonly: 8, ioError: 10, corrupt: 11, full: 13, cantOpen: 14, notADatabase: 26 };

/** True when waiting a little and trying again is the right answer. */
export function isBusy(error: unknown): boolean {
  const code = resultCode(error);
  return code === SQLITE.busy || code === SQLITE.locked;
}

/** Errors of SQLite and of the file system in the words of the store contract. */
export function storeErrorOf(error: unknown, path: string): IsthmusError {
  if (error instanceof IsthmusError) return error;
  switch (resultCode(error)) {
    case SQLITE.corrupt:
    case SQLITE.notADatabase:
      return new StoreFileError(`${path} is damaged or no database`, { cause: error, hint: MOVE_AWAY_HINT });
    case SQLITE.full:
      return new StoreUnavailableError(`the disk of ${path} is full`, { cause: error, hint: 'free some space' });
    case SQLITE.busy:
    case SQLITE.locked:
      return new StoreUnavailableError(`${path} is locked by another process`, {
        cause: error,
        hint: 'see who holds it open: fuser -v FILE',
      });
    case undefined:
    default:
      return new StoreUnavailableError(`the embedded store ${path} cannot be used`, { cause: error });
  }
}

function resultCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number') return undefined;
  return error.errcode & 0xff;
}
