import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { isNativeError } from 'node:util/types';
import type { Clock } from '../runtime/clock.ts';
import { IsthmusError } from '../runtime/errors.ts';

/**
 * One process at a time in a state folder. Two controllers would take one epoch after the other from the same marks and
 * write over each other's files; a pid file could name a process that is long another. SQLite's lock is the kernel's: it
 * ends with its process, also at `kill -9`, and node offers no other one.
 *
 * Replicas of a controller have a folder each, and share the folder above: it is theirs or a sole controller's.
 */
export class StateFolderInUseError extends IsthmusError {
  constructor(folder: string, cause: unknown) {
    super('state-folder-in-use', `another process of isthmus uses the state folder ${folder}`, {
      fields: { folder },
      hint: 'stop it first, or choose another --state-dir; controllers that share one are replicas, each with its own --replica',
      cause,
    });
  }
}

export interface StateLockInit {
  /** Made already. */
  readonly folder: string;
  /** How long to wait for a predecessor that is still stopping. Infinity: until it has. */
  readonly waitMs: number;
  /** `shared`: beside others that take it so. Default: alone. */
  readonly how?: 'alone' | 'shared' | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A predecessor ends within its supervisor's grace of 8 s. */
export const PREDECESSOR_WAIT_MS = 10_000;
const TRY_EVERY_MS = 100;
/** https://sqlite.org/rescode.html#busy */
const SQLITE_BUSY = 5;

export class StateLock implements Disposable {
  readonly #database: DatabaseSync;

  private constructor(database: DatabaseSync) {
    this.#database = database;
  }

  /** @throws StateFolderInUseError when another process has it for longer than `waitMs`; the signal's reason */
  static async take({ clock }: { clock: Clock }, init: StateLockInit): Promise<StateLock> {
    const { folder, waitMs, how = 'alone', signal } = init;
    const deadlineMs = clock.monotonicMs() + waitMs;
    for (;;) {
      const database = new DatabaseSync(join(folder, 'lock'));
      try {
        // Nothing is ever written: the open transaction is the lock. A shared one begins with the first read.
        database.exec('PRAGMA journal_mode = DELETE');
        database.exec(how === 'alone' ? 'BEGIN EXCLUSIVE' : 'BEGIN; SELECT count(*) FROM sqlite_schema');
        return new StateLock(database);
      } catch (error) {
        database.close();
        if (!isBusy(error)) throw error;
        if (clock.monotonicMs() >= deadlineMs) throw new StateFolderInUseError(folder, error);
      }
      await clock.sleep(TRY_EVERY_MS, signal);
    }
  }

  [Symbol.dispose](): void {
    this.#database.close();
  }
}

function isBusy(error: unknown): boolean {
  return isNativeError(error) && 'errcode' in error && error.errcode === SQLITE_BUSY;
}
