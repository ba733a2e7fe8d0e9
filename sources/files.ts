import { basename, dirname } from 'node:path';
import type { ServiceKey } from '../federation/model/ids.ts';
import type { LocalView } from '../federation/model/local.ts';
import type { SitePolicies } from '../federation/model/site-policies.ts';
import type { Clock, Timer } from '../runtime/clock.ts';
import { errorText, type Finding } from '../runtime/errors.ts';
import type { Logger } from '../runtime/log.ts';
import type { Metrics } from '../runtime/metrics.ts';
import { policiesOf } from './file-set.ts';
import { FilesReader, SETTLE_MS } from './files-reader.ts';
import { FolderWatch } from './folder-watch.ts';
import { parsePattern } from './path-pattern.ts';
import { SourceMemory } from './memory.ts';

/**
 * Services, and decisions about services, that come from files: watched, re-read on change, last good kept per file. Events only say what to look at;
 * one loop looks, so that a view is always one consistent reading.
 */
export type FilesListener = (view: LocalView, findings: readonly Finding[]) => void;

export interface FilesSourceInit {
  /** Files, folders, or patterns with wildcards in the last part. */
  readonly paths: readonly string[];
  /** Where to remember last good texts and first-seen times over a restart. Its folder exists. Default: not at all. */
  readonly memoryFile?: string | undefined;
}

/** Safety net for lost events, links into other folders and file systems without events. */
const POLL_INTERVAL_MS = 2_000;
/** A timer may fire a moment before its time by the other clock, and would then wait once more in vain. */
const SETTLE_CHECK_MS = SETTLE_MS + 5;

export class FilesSource {
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #watch: FolderWatch;
  readonly #memory: SourceMemory;
  readonly #reader: FilesReader;
  readonly #listeners = new Set<FilesListener>();
  readonly #dirtyFiles = new Set<string>();
  readonly #timers = new Set<Timer>();
  #everythingDirty = false;
  #refold = false;
  #checkPending = false;
  #running: Promise<void> | undefined;
  #closed = false;

  constructor(components: { clock: Clock; log: Logger; metrics: Metrics }, init: FilesSourceInit) {
    const patterns = init.paths.map(parsePattern);
    this.#clock = components.clock;
    this.#log = components.log.child({ component: 'files-source' });
    this.#memory = new SourceMemory({ clock: this.#clock, log: this.#log }, { path: init.memoryFile });
    this.#watch = new FolderWatch({ log: this.#log }, { patterns, onNudge: (file) => this.#nudge(file) });
    this.#reader = new FilesReader(
      { clock: this.#clock, log: this.#log, metrics: components.metrics, watch: this.#watch, memory: this.#memory },
      { patterns },
    );
  }

  /** Reads everything once and begins to watch. Invalid files do not make it fail: see `findings`. */
  async start(): Promise<LocalView> {
    await this.#memory.load();
    this.#nudge(undefined);
    await this.#running;
    this.#schedule(POLL_INTERVAL_MS, () => this.#poll());
    return this.view;
  }

  /** The newest view; empty before `start`. */
  get view(): LocalView {
    return this.#reader.folded.view;
  }

  /** Decisions of the same files. */
  get policies(): SitePolicies {
    return policiesOf(this.#reader.folded);
  }

  /** From `start` on: files are read before that resolves. */
  readonly known = true;

  /** What is wrong now; empty when every file is as it should be. */
  get findings(): readonly Finding[] {
    return this.#reader.folded.findings;
  }

  /** Calls `listener` after every change of view, policies or findings. Returns what takes it off again. */
  onChange(listener: FilesListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Another process of this site has told others since when these services are exported: that holds. */
  async adoptFirstSeen(times: ReadonlyMap<ServiceKey, number>): Promise<void> {
    if (!this.#memory.adoptFirstSeen(times)) return;
    this.#refold = true;
    this.#nudge(undefined);
    await this.#running;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#listeners.clear();
    for (const timer of this.#timers) timer.cancel();
    await this.#running;
    this.#watch.close();
    await this.#memory.close();
  }

  #poll(): void {
    this.#nudge(undefined);
    this.#schedule(POLL_INTERVAL_MS, () => this.#poll());
  }

  #nudge(file: string | undefined): void {
    if (this.#closed) return;
    if (file === undefined || isFolderChange(file)) this.#everythingDirty = true;
    else if (this.#reader.covers(file)) this.#dirtyFiles.add(file);
    else return;
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
  }

  async #run(): Promise<void> {
    while (!this.#closed && (this.#everythingDirty || this.#dirtyFiles.size > 0)) {
      const everything = this.#everythingDirty;
      const files = [...this.#dirtyFiles];
      this.#everythingDirty = false;
      this.#dirtyFiles.clear();
      const before = this.#reader.folded;
      try {
        if (this.#refold) this.#reader.refold();
        this.#refold = false;
        const outcome = await this.#reader.read(files, everything ? 'everything' : 'files');
        if (outcome === 'unsettled') this.#checkSoon();
      } catch (error) {
        // Each expected failure is a finding; this one is a bug, and must not end the watching.
        this.#log.error('services files cannot be read', { err: errorText(error) });
      }
      const { folded } = this.#reader;
      const { view, findings } = folded;
      const isSame = view === before.view && findings === before.findings && this.policies === policiesOf(before);
      if (!isSame) this.#tell(view, findings);
    }
  }

  #checkSoon(): void {
    if (this.#checkPending) return;
    this.#checkPending = true;
    this.#schedule(SETTLE_CHECK_MS, () => {
      this.#checkPending = false;
      this.#nudge(undefined);
    });
  }

  #tell(view: LocalView, findings: readonly Finding[]): void {
    for (const listener of this.#listeners) listener(view, findings);
  }

  #schedule(delayMs: number, task: () => void): void {
    if (this.#closed) return;
    const timer = this.#clock.after(delayMs, () => {
      this.#timers.delete(timer);
      task();
    });
    this.#timers.add(timer);
  }
}

/**
 * The folder itself went away (its watch then names it as if it were in itself), or a mount swapped its contents by the
 * hidden link `..data`, as Kubernetes does.
 */
function isFolderChange(file: string): boolean {
  return basename(file).startsWith('.') || basename(file) === basename(dirname(file));
}
