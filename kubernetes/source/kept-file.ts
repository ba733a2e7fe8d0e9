import { createHash } from 'node:crypto';
import { mkdir, open, readFile, rename, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Clock, Timer } from '../../runtime/clock.ts';
import { errorText, IsthmusError } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';

/**
 * What was known last, in one file of lines, for a start at which the API server says nothing: a header with kind and
 * schema, a line an item, and a line with the hash of all before it. Written off the hot path and bit by bit, so that
 * neither a change nor the event loop waits for a large file; replaced in one step.
 */
export interface KeptFileInit<T> {
  /** Its folder is made when missing. Without it everything ends with the process. */
  readonly path: string | undefined;
  /** Stands in the header, with the schema. */
  readonly kind: string;
  readonly schema: number;
  /** One JSON text an item, without line ends. */
  readonly encode: (value: T) => Iterable<string>;
  /** Of items that `encode` wrote: the hash is right. @throws when they cannot be read all the same */
  readonly decode: (lines: readonly string[]) => T;
}

export class KeptFileError extends IsthmusError {
  constructor(path: string, why: string) {
    super('kept-file', `${path} cannot be used: ${why}`, {
      fields: { path },
      hint: 'it is written anew as soon as the API server answers; until then nothing is known from it',
    });
  }
}

/** Changes come in bursts; a crash loses the last second, and the API server has it anyway. */
const SAVE_DELAY_MS = 1_000;
/** A large file that changes all the time must leave the disk to others: 10 MB at most every five seconds. */
const REWRITE_BYTES_PER_MS = 2 * 1024;
/** Between two pieces the event loop is free. */
const PIECE_CHARS = 64 * 1024;
/** As a cluster of a million endpoints would need. */
const FILE_BYTES_MAX = 256 * 1024 * 1024;
const HASH_PREFIX = 'sha256:';

export class KeptFile<T> {
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #init: KeptFileInit<T>;
  #waiting: { readonly value: T } | undefined;
  #timer: Timer | undefined;
  #writing: Promise<void> | undefined;
  #pauseMs = SAVE_DELAY_MS;

  constructor(components: { readonly clock: Clock; readonly log: Logger }, init: KeptFileInit<T>) {
    this.#clock = components.clock;
    this.#log = components.log;
    this.#init = init;
  }

  /** `undefined` when there is none. @throws KeptFileError when it is damaged or of another schema */
  async load(): Promise<T | undefined> {
    const { path, decode } = this.#init;
    if (path === undefined) return undefined;
    const text = await readText(path);
    if (text === undefined) return undefined;
    const end = text.lastIndexOf(`\n${HASH_PREFIX}`) + 1;
    const body = text.slice(0, end);
    if (end === 0 || text.slice(end) !== `${HASH_PREFIX}${createHash('sha256').update(body).digest('hex')}\n`) {
      throw new KeptFileError(path, 'its hash does not fit its content');
    }
    const [header, ...lines] = body.slice(0, -1).split('\n');
    if (header !== this.#header()) throw new KeptFileError(path, 'it was written by another version');
    try {
      return decode(lines);
    } catch (error) {
      throw new KeptFileError(path, errorText(error));
    }
  }

  /** Soon, and only the newest of several. */
  save(value: T): void {
    if (this.#init.path === undefined) return;
    this.#waiting = { value };
    if (this.#writing !== undefined) return;
    this.#timer ??= this.#clock.after(this.#pauseMs, () => this.#start());
  }

  /** Writes what waits. */
  async close(): Promise<void> {
    this.#timer?.cancel();
    await this.#writing;
    this.#timer?.cancel();
    this.#start();
    await this.#writing;
  }

  #start(): void {
    this.#timer = undefined;
    const { path } = this.#init;
    const waiting = this.#waiting;
    if (waiting === undefined || path === undefined) return;
    this.#waiting = undefined;
    this.#writing = this.#write(path, waiting.value)
      .then((bytes) => {
        this.#pauseMs = Math.max(SAVE_DELAY_MS, bytes / REWRITE_BYTES_PER_MS);
      })
      .catch((error: unknown) => {
        this.#log.warn('what is known from the API server cannot be kept on disk', { path, err: errorText(error) });
      })
      .finally(() => {
        this.#writing = undefined;
        if (this.#waiting !== undefined) this.#timer ??= this.#clock.after(this.#pauseMs, () => this.#start());
      });
  }

  /** @returns its size in octets */
  async #write(path: string, value: T): Promise<number> {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const temporary = `${path}.tmp`;
    const hash = createHash('sha256');
    const file = await open(temporary, 'w', 0o600);
    let bytes = 0;
    const put = async (piece: string): Promise<void> => {
      hash.update(piece);
      bytes += (await file.write(piece)).bytesWritten;
    };
    try {
      let piece = `${this.#header()}\n`;
      for (const line of this.#init.encode(value)) {
        piece += `${line}\n`;
        if (piece.length < PIECE_CHARS) continue;
        await put(piece);
        piece = '';
      }
      await put(piece);
      await file.write(`${HASH_PREFIX}${hash.digest('hex')}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
    return bytes;
  }

  #header(): string {
    const { kind, schema } = this.#init;
    return JSON.stringify({ kind, schema });
  }
}

async function readText(path: string): Promise<string | undefined> {
  try {
    const { size } = await stat(path);
    if (size > FILE_BYTES_MAX) throw new KeptFileError(path, `it has ${size} octets, more than ${FILE_BYTES_MAX}`);
    return await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}
