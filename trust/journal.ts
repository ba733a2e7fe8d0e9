import { constants } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { IsthmusError } from '../runtime/errors.ts';
import { openPrivateFile, preparePrivateFolder, syncFolder } from './private-file.ts';
import type { JournalEntry, TokenLedger } from './token-ledger.ts';
import { foldEntries, formatEntry, parseEntry } from './token-ledger.ts';

/**
 * The authority's memory of its tokens: a file of JSON lines that only grows. A token is single-use because its
 * redemption is on disk before anybody acts on it.
 *
 * A crash in the middle of an append leaves a torn last line. Nobody was told that it was written, so it counts as never written. A bad
 * line before the last is damage, and stops the authority: forgetting a redemption would let a token be used twice.
 */
/** Some 50,000 tokens. */
const JOURNAL_BYTES_MAX = 16 * 1024 * 1024;
const NEWLINE = 0x0a;

export class JournalError extends IsthmusError {
  constructor(message: string, path: string, hint: string) {
    super('journal-refused', message, { fields: { path }, hint });
  }
}

/** Where the authority remembers its tokens: this file, or an object of the API server (`kubernetes/keep`). */
export interface TokenJournal extends AsyncDisposable {
  readonly tokens: TokenLedger;
  /** Of a last entry that was never written whole. */
  readonly tornBytes: number;
  /** Resolves when the entry outlives whatever may end this process; only then is it in `tokens`. */
  append(entry: JournalEntry): Promise<void>;
}

export class Journal implements TokenJournal {
  readonly #file: FileHandle;
  readonly #path: string;
  #length: number;
  #tokens: TokenLedger;
  #lastAppend: Promise<unknown> = Promise.resolve();
  /** Octets of a torn last line that were found when the journal was opened; the next append replaces them. */
  readonly tornBytes: number;

  private constructor(file: FileHandle, path: string, read: ReadJournal) {
    this.#file = file;
    this.#path = path;
    this.#length = read.length;
    this.#tokens = read.tokens;
    this.tornBytes = read.tornBytes;
  }

  /** Makes the file if it is not there. One process at a time: the authority's leader. */
  static async open(path: string): Promise<Journal> {
    await preparePrivateFolder(dirname(path));
    const file = await openPrivateFile(path, constants.O_RDWR | constants.O_CREAT);
    if (file === undefined) throw new JournalError('the journal cannot be made', path, 'check the state folder');
    try {
      const read = readJournal(await readWhole(file, path), path);
      await file.sync();
      await syncFolder(dirname(path));
      return new Journal(file, path, read);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  get tokens(): TokenLedger {
    return this.#tokens;
  }

  /** Resolves when the entry will survive a power cut; only then is it in `tokens`. */
  async append(entry: JournalEntry): Promise<void> {
    const appended = this.#lastAppend.then(() => this.#write(entry));
    this.#lastAppend = appended.catch(() => undefined);
    await appended;
  }

  async #write(entry: JournalEntry): Promise<void> {
    const line = Buffer.from(`${formatEntry(entry)}\n`);
    if (this.#length + line.length > JOURNAL_BYTES_MAX) {
      throw new JournalError('the journal is full', this.#path, 'remove lines of tokens that expired long ago');
    }
    // Cuts off what a crash or an append that failed (full disk) may have left; it would be damage in the middle otherwise.
    await this.#file.truncate(this.#length);
    await this.#writeAt(line, this.#length);
    await this.#file.datasync();
    this.#length += line.length;
    this.#tokens = foldEntries([entry], this.#tokens);
  }

  async #writeAt(line: Buffer, position: number): Promise<void> {
    let written = 0;
    while (written < line.length) {
      const { bytesWritten } = await this.#file.write(line, written, line.length - written, position + written);
      written += bytesWritten;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#lastAppend;
    await this.#file.close();
  }
}

interface ReadJournal {
  readonly tokens: TokenLedger;
  /** Octets up to the end of the last good line. */
  readonly length: number;
  readonly tornBytes: number;
}

async function readWhole(file: FileHandle, path: string): Promise<Buffer> {
  const { size } = await file.stat();
  if (size > JOURNAL_BYTES_MAX) {
    throw new JournalError('the journal is too large', path, 'is this the file of the authority?');
  }
  return file.readFile();
}

function readJournal(content: Buffer, path: string): ReadJournal {
  const entries: JournalEntry[] = [];
  let start = 0;
  for (let line = 1; start < content.length; line++) {
    const newline = content.indexOf(NEWLINE, start);
    const end = newline === -1 ? content.length : newline + 1;
    const entry = newline === -1 ? undefined : parseEntry(content.toString('utf8', start, newline));
    if (entry === undefined) {
      if (end < content.length) {
        throw new JournalError(`line ${line} of the journal is damaged`, path, 'restore the file from a backup');
      }
      return { tokens: foldEntries(entries), length: start, tornBytes: content.length - start };
    }
    entries.push(entry);
    start = end;
  }
  return { tokens: foldEntries(entries), length: start, tornBytes: 0 };
}
