import { open, readFile, rename } from 'node:fs/promises';
import { z } from 'zod';
import type { ServiceKey } from '../federation/model/ids.ts';
import { errorText } from '../runtime/errors.ts';
import type { Clock, Timer } from '../runtime/clock.ts';
import type { Logger } from '../runtime/log.ts';

/**
 * What the files source must know after a restart: the last valid text of each file, so that a file which is broken at
 * that moment does not take its services down, and when an export was first seen, because the oldest export decides
 * conflicts. One small JSON file, replaced atomically, written off the hot path.
 */
const SCHEMA = z.object({
  schema: z.literal(1),
  firstSeen: z.record(z.string(), z.number()),
  files: z.record(z.string(), z.string()),
});

/** Changes come in bursts; losing the last second in a crash costs nothing but an older last good. */
const SAVE_DELAY_MS = 1_000;
/** All remembered texts together. Above it a file's last good ends with the process. */
const TEXT_LENGTH_MAX = 32 * 1024 * 1024;

export class SourceMemory {
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #path: string | undefined;
  readonly #firstSeen = new Map<string, number>();
  readonly #files = new Map<string, string>();
  #timer: Timer | undefined;
  #saving: Promise<void> = Promise.resolve();

  /** Without `path` everything is forgotten with the process. */
  constructor(components: { clock: Clock; log: Logger }, init: { path?: string | undefined }) {
    this.#clock = components.clock;
    this.#log = components.log;
    this.#path = init.path;
  }

  async load(): Promise<void> {
    if (this.#path === undefined) return;
    try {
      const stored = SCHEMA.parse(JSON.parse(await readFile(this.#path, 'utf8')));
      for (const [key, atMs] of Object.entries(stored.firstSeen)) this.#firstSeen.set(key, atMs);
      for (const [file, text] of Object.entries(stored.files)) this.#files.set(file, text);
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return;
      // Never a reason not to start: the files themselves are the truth.
      this.#log.warn('memory of the files source is unreadable, starting without', { err: errorText(error) });
    }
  }

  firstSeen(key: ServiceKey): number {
    const known = this.#firstSeen.get(key);
    if (known !== undefined) return known;
    const nowMs = this.#clock.epochMs();
    this.#firstSeen.set(key, nowMs);
    this.#saveSoon();
    return nowMs;
  }

  /** Somebody saw them before us, and told others. Returns whether that is news. */
  adoptFirstSeen(times: ReadonlyMap<ServiceKey, number>): boolean {
    const news = [...times].filter(([key, atMs]) => this.#firstSeen.get(key) !== atMs);
    for (const [key, atMs] of news) this.#firstSeen.set(key, atMs);
    if (news.length > 0) this.#saveSoon();
    return news.length > 0;
  }

  /** Keeps only these keys. Call it when everything is known: an export that is seen again later is a new one. */
  retainFirstSeen(keys: ReadonlySet<string>): void {
    for (const key of this.#firstSeen.keys()) if (!keys.has(key) && this.#firstSeen.delete(key)) this.#saveSoon();
  }

  get files(): readonly string[] {
    return [...this.#files.keys()];
  }

  lastGood(file: string): string | undefined {
    return this.#files.get(file);
  }

  remember(file: string, text: string): void {
    if (this.#files.get(file) === text) return;
    this.#files.set(file, text);
    this.#saveSoon();
  }

  forget(file: string): void {
    if (this.#files.delete(file)) this.#saveSoon();
  }

  async close(): Promise<void> {
    if (this.#timer === undefined) return this.#saving;
    this.#timer.cancel();
    this.#save();
    return this.#saving;
  }

  #saveSoon(): void {
    if (this.#path === undefined) return;
    this.#timer ??= this.#clock.after(SAVE_DELAY_MS, () => this.#save());
  }

  #save(): void {
    this.#timer = undefined;
    const path = this.#path;
    if (path === undefined) return;
    // One after the other: two writers of one temporary file would mix.
    this.#saving = this.#saving
      .then(() => writeAtomically(path, this.#text()))
      .catch((error: unknown) => {
        this.#log.warn('memory of the files source cannot be written', { err: errorText(error) });
      });
  }

  #text(): string {
    let length = 0;
    const files = [...this.#files].filter(([, text]) => (length += text.length) <= TEXT_LENGTH_MAX);
    const firstSeen = Object.fromEntries(this.#firstSeen);
    return JSON.stringify({ schema: 1, firstSeen, files: Object.fromEntries(files) });
  }
}

async function writeAtomically(path: string, text: string): Promise<void> {
  const temporary = `${path}.tmp`;
  {
    await using handle = await open(temporary, 'w', 0o600);
    await handle.writeFile(text);
    await handle.sync();
  }
  await rename(temporary, path);
}
