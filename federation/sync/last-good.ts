import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock, Timer } from '../../runtime/clock.ts';
import { errorText, type Finding } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import type { Metrics } from '../../runtime/metrics.ts';
import { type ClusterId, compareText, isDnsLabel } from '../model/ids.ts';
import { previousOf, readGenerations, removeGenerations, setAside, writeGeneration } from './generation-file.ts';
import { decodeKept, decodeKeptRoster, encodeKept, encodeKeptRoster } from './last-good-codec.ts';
import type { KeptCluster } from './peer-replica.ts';
import type { Keeper } from './subscriber.ts';

/**
 * What was verified last, on the own disk, so that a controller that starts with the store, every peer and the API server
 * dark serves what it served before. A file a cluster, written off the hot path: nothing ever waits for it, and a
 * crash loses the last second of news, or where very many clusters change at once as many as their files take to be
 * written. The store (or nobody) has them anyway.
 */
export interface LastGoodComponents {
  readonly log: Logger;
  readonly clock: Clock;
  readonly metrics: Metrics;
}

export interface LastGoodInit {
  /** `STATE-DIR/last-good`. Made when missing, for its owner alone. */
  readonly dir: string;
}

export interface LoadedState {
  readonly roster: Uint8Array | undefined;
  readonly clusters: readonly KeptCluster[];
  /** What was damaged, and what took its place. */
  readonly findings: readonly Finding[];
}

type Job = { readonly kind: 'write'; readonly encode: () => Uint8Array } | { readonly kind: 'remove' };

/** A cluster is written at most once in this time; its news in between is folded into one write. */
const WRITE_INTERVAL_MS = 1_000;
/** A hundred clusters that all change at once must not take the disk away from the gateways' host, nor from our marks. */
const REWRITE_BYTES_PER_MS = 2 * 1024;
/** What this process has never written may not be on the disk at all, and has more of a hurry. */
const FIRST_WRITE_BYTES_PER_MS = 8 * 1024;
/** Shorter pauses are saved up: small files follow each other at once. */
const PAUSE_MS_MIN = 20;
/** After a failed write (full disk): the same bytes are tried again, in case somebody made room. */
const RETRY_INTERVAL_MS = 5_000;
/** `RecordLimits.totalBytesMax` and the keys. */
const FILE_BYTES_MAX = 48 * 1024 * 1024;

export class LastGood implements Keeper {
  readonly #components: LastGoodComponents;
  readonly #dir: string;
  readonly #jobs = new Map<string, Job>();
  /** Files that do not wait for others. */
  readonly #urgent = new Set<string>();
  /** By this process. */
  readonly #written = new Set<string>();
  #timer: Timer | undefined;
  #pause: AbortController | undefined;
  #closing = false;
  #flushing: Promise<void> | undefined;
  #failing = false;

  constructor(components: LastGoodComponents, init: LastGoodInit) {
    this.#components = components;
    this.#dir = init.dir;
  }

  /** Never throws for what is in a file: damage gives way to the previous generation, and that to nothing. */
  async load(): Promise<LoadedState> {
    const findings: Finding[] = [];
    const roster = await loadFile(this.#rosterPath(), decodeKeptRoster, findings);
    const clusters = await Promise.all(
      (await this.#keptClusters()).map((cluster) =>
        loadFile(this.#clusterPath(cluster), (bytes) => decodeKept(bytes, cluster), findings),
      ),
    );
    return { roster, clusters: clusters.filter((kept) => kept !== undefined), findings };
  }

  keep(kept: KeptCluster): void {
    this.#add(this.#clusterPath(kept.cluster), { kind: 'write', encode: () => encodeKept(kept) }, WRITE_INTERVAL_MS);
  }

  /** At once: membership is what everything else is judged by. */
  keepRoster(bytes: Uint8Array): void {
    this.#add(this.#rosterPath(), { kind: 'write', encode: () => encodeKeptRoster(bytes) }, 0);
  }

  /** For a cluster that a verified roster took away. */
  forget(cluster: ClusterId): void {
    this.#add(this.#clusterPath(cluster), { kind: 'remove' }, 0);
  }

  /** Writes what waits. */
  async close(): Promise<void> {
    this.#closing = true;
    this.#timer?.cancel();
    this.#pause?.abort();
    await this.#flushing;
    await this.#flush();
  }

  #add(path: string, job: Job, delayMs: number): void {
    this.#jobs.set(path, job);
    if (delayMs === 0) {
      this.#urgent.add(path);
      this.#pause?.abort();
    }
    this.#schedule(delayMs);
  }

  #schedule(delayMs: number): void {
    if (this.#flushing !== undefined) return;
    if (this.#timer !== undefined && delayMs > 0) return;
    this.#timer?.cancel();
    this.#timer = this.#components.clock.after(delayMs, () => this.#start());
  }

  #start(): void {
    this.#timer = undefined;
    this.#flushing = this.#flush().then((pauseMs) => {
      this.#flushing = undefined;
      if (this.#jobs.size > 0) this.#schedule(pauseMs);
    });
  }

  /** Everything that waits, one file after the other. @returns how long to leave the disk alone. */
  async #flush(): Promise<number> {
    const round = new Set(this.#jobs.keys());
    let oweMs = 0;
    let failed = false;
    for (let path = this.#next(round); path !== undefined; path = this.#next(round)) {
      const job = this.#jobs.get(path);
      round.delete(path);
      this.#urgent.delete(path);
      if (job === undefined) continue;
      this.#jobs.delete(path);
      try {
        oweMs += (await run(path, job)) / (this.#written.has(path) ? REWRITE_BYTES_PER_MS : FIRST_WRITE_BYTES_PER_MS);
        this.#written.add(path);
      } catch (error) {
        failed = true;
        // Newer news about the same file may have come in meanwhile.
        if (!this.#jobs.has(path)) this.#jobs.set(path, job);
        this.#writeFailed(path, error);
      }
      if (oweMs >= PAUSE_MS_MIN && round.size > 0) oweMs = await this.#rest(oweMs);
    }
    if (!failed) this.#failing = false;
    return failed ? RETRY_INTERVAL_MS : Math.max(WRITE_INTERVAL_MS, oweMs);
  }

  /** What is urgent goes first, whenever it came. A file that failed in this round waits for another. */
  #next(round: ReadonlySet<string>): string | undefined {
    for (const path of this.#urgent) if (this.#jobs.has(path)) return path;
    for (const path of round) return path;
    return undefined;
  }

  /** Cut short by what is urgent, and by the end. */
  async #rest(forMs: number): Promise<number> {
    if (this.#urgent.size > 0 || this.#closing) return forMs;
    this.#pause = new AbortController();
    const startMs = this.#components.clock.monotonicMs();
    await this.#components.clock.sleep(forMs, this.#pause.signal).catch(() => undefined); // only the two above abort it
    this.#pause = undefined;
    return Math.max(0, forMs - (this.#components.clock.monotonicMs() - startMs));
  }

  #writeFailed(path: string, error: unknown): void {
    this.#components.metrics
      .counter('isthmus_cache_write_failed_total', 'State that could not be written to disk', ['file'])
      .add({ file: 'last-good' });
    if (!this.#failing) {
      const hint = 'a restart would serve older state; is the disk full or read-only';
      this.#components.log.error('last good state could not be written', { path, error: errorText(error), hint });
    }
    this.#failing = true;
  }

  async #keptClusters(): Promise<readonly ClusterId[]> {
    const files = await readdir(join(this.#dir, 'clusters')).catch(() => []);
    const names = files.map((file) => (file.endsWith('.prev') ? file.slice(0, -'.prev'.length) : file));
    // A name that is no cluster's is a temporary file, one set aside, or not ours.
    return [...new Set(names)].filter(isDnsLabel).sort(compareText) as ClusterId[];
  }

  #clusterPath(cluster: ClusterId): string {
    return join(this.#dir, 'clusters', cluster);
  }

  #rosterPath(): string {
    return join(this.#dir, 'roster');
  }
}

async function run(path: string, job: Job): Promise<number> {
  if (job.kind === 'remove') {
    await removeGenerations(path);
    return 0;
  }
  const bytes = job.encode();
  await writeGeneration(path, bytes);
  return bytes.length;
}

async function loadFile<T>(
  path: string,
  decode: (bytes: Uint8Array) => T | undefined,
  findings: Finding[],
): Promise<T | undefined> {
  try {
    const { current, previous } = await readGenerations(path, FILE_BYTES_MAX);
    if (current === undefined && previous === undefined) return undefined;
    const newest = current && decode(current);
    if (newest !== undefined) return newest;
    if (current !== undefined) await setAside(path);
    const older = previous && decode(previous);
    findings.push(older === undefined ? lost(path) : damaged(path));
    return older;
  } catch (error) {
    const message = `could not be read: ${errorText(error)}`;
    findings.push({ severity: 'error', reason: 'LastGoodUnreadable', message, file: path });
    return undefined;
  }
}

function damaged(path: string): Finding {
  const message = 'the newest generation is damaged or missing, the previous one is served';
  return { severity: 'warning', reason: 'LastGoodDamaged', message, file: previousOf(path) };
}

function lost(path: string): Finding {
  const message = 'damaged in every generation, nothing is known of it until the store answers';
  return { severity: 'error', reason: 'LastGoodLost', message, file: path };
}
