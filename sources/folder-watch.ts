import { type FSWatcher, watch } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isNativeError } from 'node:util/types';
import { errorText } from '../runtime/errors.ts';
import type { Logger } from '../runtime/log.ts';
import { looksLikeFile, type PathPattern, select } from './path-pattern.ts';
import { type FileStamp, stampOf } from './read-file.ts';

/**
 * Which files the configured paths select now, and a nudge whenever one of them may have changed. Folders are watched,
 * not files: a file that is replaced by rename would take a watch on it along to its grave. A lost nudge costs time only,
 * because the caller lists again every few seconds.
 */
export interface Listing {
  /** Present files. */
  readonly files: ReadonlyMap<string, FileStamp>;
  /** Paths of which nothing can be known now: the folder is gone or unreadable. Unknown is not empty. */
  readonly unknown: readonly UnknownPath[];
}

export interface UnknownPath {
  readonly pattern: PathPattern;
  readonly reason: 'FolderMissing' | 'UnreadableFolder';
  readonly message: string;
}

interface Watched {
  readonly watcher: FSWatcher;
  /** Device and inode: a folder made anew under the same name needs a new watch. */
  readonly identity: string;
}

export class FolderWatch {
  readonly #log: Logger;
  readonly #patterns: readonly PathPattern[];
  readonly #onNudge: (file: string | undefined) => void;
  readonly #watched = new Map<string, Watched>();
  readonly #warned = new Set<string>();

  /** `onNudge` gets the file that may have changed, or undefined when anything may have. */
  constructor(
    components: { log: Logger },
    init: { patterns: readonly PathPattern[]; onNudge: (file: string | undefined) => void },
  ) {
    this.#log = components.log;
    this.#patterns = init.patterns;
    this.#onNudge = init.onNudge;
  }

  async list(): Promise<Listing> {
    const files = new Map<string, FileStamp>();
    const unknown: UnknownPath[] = [];
    const folders = new Set<string>();
    for (const pattern of this.#patterns) {
      const found = await this.#listOne(pattern, folders);
      if (!Array.isArray(found)) unknown.push(found);
      else for (const [file, stamp] of found) files.set(file, stamp);
    }
    for (const folder of this.#watched.keys()) if (!folders.has(folder)) this.#unwatch(folder);
    return { files, unknown };
  }

  close(): void {
    for (const { watcher } of this.#watched.values()) watcher.close();
    this.#watched.clear();
  }

  async #listOne(pattern: PathPattern, folders: Set<string>): Promise<[string, FileStamp][] | UnknownPath> {
    const isFile = !pattern.hasWildcard && (await this.#isFile(pattern));
    const folder = pattern.hasWildcard || isFile ? dirname(pattern.path) : pattern.path;
    try {
      // Before the folder is read: a change after the reading is then nudged about.
      await this.#watch(folder);
      folders.add(folder);
      const names = isFile ? [] : await readdir(folder);
      const files = isFile ? [pattern.path] : select(pattern, names);
      const stamps = await Promise.all(files.map(async (file) => [file, await stampAt(file)] as const));
      return stamps.flatMap(([file, stamp]) => (stamp === undefined ? [] : [[file, stamp]]));
    } catch (error) {
      const missing = isCode(error, 'ENOENT') || isCode(error, 'ENOTDIR');
      // A single file is deleted together with its folder, like any other deleted file.
      if (missing && isFile) return [];
      const message = missing ? `the folder ${folder} does not exist` : errorText(error);
      return { pattern, reason: missing ? 'FolderMissing' : 'UnreadableFolder', message };
    }
  }

  async #isFile(pattern: PathPattern): Promise<boolean> {
    try {
      return !(await stat(pattern.path)).isDirectory();
    } catch {
      // It is missing or unreadable, which the caller is about to find out; its name says what it is meant to be.
      return looksLikeFile(pattern);
    }
  }

  async #watch(folder: string): Promise<void> {
    const facts = await stat(folder, { bigint: true });
    const identity = `${facts.dev}:${facts.ino}`;
    if (this.#watched.get(folder)?.identity === identity) return;
    this.#unwatch(folder);
    try {
      const watcher = watch(folder, { persistent: false }, (_event, name) => {
        this.#onNudge(typeof name === 'string' ? join(folder, name) : undefined);
      });
      watcher.on('error', (error) => {
        this.#warn(folder, error);
        this.#unwatch(folder);
      });
      this.#watched.set(folder, { watcher, identity });
    } catch (error) {
      // Out of inotify watches: the periodic listing still sees every change, only later.
      this.#warn(folder, error);
    }
  }

  #unwatch(folder: string): void {
    this.#watched.get(folder)?.watcher.close();
    this.#watched.delete(folder);
  }

  /** Once a folder: this is tried again with every listing. */
  #warn(folder: string, error: unknown): void {
    if (this.#warned.has(folder)) return;
    this.#warned.add(folder);
    this.#log.warn('folder cannot be watched, changes are seen by polling only', { folder, err: errorText(error) });
  }
}

async function stampAt(file: string): Promise<FileStamp | undefined> {
  try {
    return stampOf(await stat(file, { bigint: true }));
  } catch (error) {
    // Unreadable is not missing: the reader will say what is wrong.
    return isCode(error, 'ENOENT') || isCode(error, 'ENOTDIR') ? undefined : 'unreadable';
  }
}

function isCode(error: unknown, code: string): boolean {
  return isNativeError(error) && 'code' in error && error.code === code;
}
