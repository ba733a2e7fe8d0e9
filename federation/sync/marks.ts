import { errorText, type Finding, IsthmusError } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import type { Metrics } from '../../runtime/metrics.ts';
import type { HighWaterMark } from '../model/candidate.ts';
import { compareHeadOrder, isSameVersion } from '../model/head.ts';
import type { ClusterId } from '../model/ids.ts';
import { readGenerations, setAside, writeGeneration } from './generation-file.ts';
import { decodeMarks, encodeMarks, type MarksContent, NO_MARKS } from './marks-codec.ts';
import type { RosterMark, RosterMarks } from './roster-follower.ts';

/**
 * What must never go back, over any crash: the own fencing epoch and version, the newest head accepted of each peer, the
 * newest roster trusted. Each is on disk before it is used. Own versions are reserved in blocks and beats not at all: an
 * epoch is never taken twice, so no (epoch, version, beat) can be either, and a beat every three seconds costs no sync.
 */
export interface MarksComponents {
  readonly log: Logger;
  readonly metrics: Metrics;
}

export interface MarksInit {
  /** `STATE-DIR/marks.json`. Absent: in memory, for tests and for sites that chose to keep nothing. */
  readonly path?: string | undefined;
  /** Where they are kept too, for the day on which the disk is gone. */
  readonly mirror?: MarksMirror | undefined;
}

/** A second place for the marks, which may be slow and away. */
export interface MarksMirror {
  /** These are on disk now. */
  changed(content: Uint8Array): void;
  /** Resolves when what was told last is safe there. @throws when that cannot be said */
  flush(): Promise<void>;
}

export interface LoadedMarks {
  readonly marks: Marks;
  /** Every cluster ever accepted has a mark in it: there was a file, and it was whole. */
  readonly areWhole: boolean;
  readonly findings: readonly Finding[];
}

export class MarksNotDurableError extends IsthmusError {
  constructor(path: string, cause: unknown) {
    super('marks-not-durable', `could not write ${path}: ${errorText(cause)}`, {
      cause,
      fields: { path },
      hint: 'is the disk full or read-only',
    });
  }
}

/** 1,000 clusters take about 250 KiB. */
const MARKS_BYTES_MAX = 4 * 1024 * 1024;
/** One write a block; a restart skips what is left of it. */
const VERSION_BLOCK = 64;

export class Marks implements RosterMarks {
  readonly #components: MarksComponents;
  readonly #path: string | undefined;
  readonly #mirror: MarksMirror | undefined;
  #own: MarksContent['own'];
  #roster: RosterMark | undefined;
  readonly #peers: Map<ClusterId, HighWaterMark>;
  #queued: Promise<void> | undefined;
  #lastWrite: Promise<void> = Promise.resolve();
  #failing = false;

  private constructor(components: MarksComponents, { path, mirror }: MarksInit, content: MarksContent) {
    this.#components = components;
    this.#path = path;
    this.#mirror = mirror;
    this.#own = content.own;
    this.#roster = content.roster;
    this.#peers = new Map(content.peers);
  }

  /**
   * Never refuses to start: a damaged file gives way to the previous generation, and that to nothing; the findings say
   * so. With nothing left, the own epoch and version come from the own head in the store (`nextEpoch`).
   */
  static async load(components: MarksComponents, init: MarksInit = {}): Promise<LoadedMarks> {
    const { path } = init;
    if (path === undefined) return { marks: new Marks(components, init, NO_MARKS), areWhole: false, findings: [] };
    const { content, findings } = await loadContent(path);
    const areWhole = content !== NO_MARKS && findings.length === 0;
    return { marks: new Marks(components, init, content), areWhole, findings };
  }

  /** Nothing up to this epoch and version may be used again. */
  get own(): { readonly epoch: number; readonly version: number } {
    return this.#own;
  }

  get roster(): RosterMark | undefined {
    return this.#roster;
  }

  peer(cluster: ClusterId): HighWaterMark | undefined {
    return this.#peers.get(cluster);
  }

  /** @throws MarksNotDurableError, or what the mirror throws: an epoch that might be forgotten must not be used. */
  async takeEpoch(epoch: number): Promise<void> {
    if (epoch <= this.#own.epoch) throw new IsthmusError('epoch-used', `epoch ${epoch} may have been used before`);
    this.#own = { ...this.#own, epoch };
    await this.#save();
    await this.#mirror?.flush();
  }

  /**
   * Goes on without a disk: the epoch is already taken, so a forgotten version cannot come back under the same order; it
   * is only the promise that versions never reset that then rests on the own head in the store.
   */
  async reserveVersion(version: number): Promise<void> {
    if (version <= this.#own.version) return;
    this.#own = { ...this.#own, version: version + VERSION_BLOCK - 1 };
    await this.#saveIfPossible();
  }

  /**
   * A new beat of a known version is only remembered, and goes to disk with the next change. Of several stores two may bring
   * the same at once: the second waits for the write of the first.
   */
  async advance(cluster: ClusterId, mark: HighWaterMark): Promise<void> {
    const before = this.#peers.get(cluster);
    const isNewer = before === undefined || compareHeadOrder(mark.order, before.order) > 0;
    if (isNewer) this.#peers.set(cluster, mark);
    if (before !== undefined && (!isNewer || isSameVersion(before.order, mark.order))) return await this.#written();
    await this.#saveIfPossible();
  }

  async advanceRoster(mark: RosterMark): Promise<void> {
    if (this.#roster !== undefined && mark.version <= this.#roster.version) return await this.#written();
    this.#roster = mark;
    await this.#saveIfPossible();
  }

  /** Writes what is not on disk yet: at shutdown. */
  async close(): Promise<void> {
    await this.#saveIfPossible();
  }

  /** What is under way; whoever began it hears how it ends. */
  async #written(): Promise<void> {
    await this.#queued?.catch(() => undefined);
    await this.#lastWrite;
  }

  async #saveIfPossible(): Promise<void> {
    try {
      await this.#save();
      this.#failing = false;
    } catch (error) {
      this.#components.metrics
        .counter('isthmus_cache_write_failed_total', 'State that could not be written to disk', ['file'])
        .add({ file: 'marks' });
      if (!this.#failing) this.#components.log.error('marks are not durable, going on', { error: errorText(error) });
      this.#failing = true;
    }
  }

  /** Group commit: whoever comes while a write runs shares the next one. */
  #save(): Promise<void> {
    const path = this.#path;
    if (path === undefined) return Promise.resolve();
    if (this.#queued !== undefined) return this.#queued;
    const write = this.#lastWrite.then(() => {
      this.#queued = undefined;
      const content = encodeMarks({ own: this.#own, roster: this.#roster, peers: this.#peers });
      return writeGeneration(path, content).then(
        () => this.#mirror?.changed(content),
        (error: unknown) => {
          throw new MarksNotDurableError(path, error);
        },
      );
    });
    this.#queued = write;
    this.#lastWrite = write.catch(() => undefined);
    return write;
  }
}

async function loadContent(path: string): Promise<{ content: MarksContent; findings: readonly Finding[] }> {
  const { current, previous } = await readGenerations(path, MARKS_BYTES_MAX);
  const intact = current && decodeMarks(current);
  if (intact !== undefined) return { content: intact, findings: [] };
  if (current === undefined && previous === undefined) return { content: NO_MARKS, findings: [] };
  if (current !== undefined) await setAside(path);
  const older = previous && decodeMarks(previous);
  if (older === undefined) {
    const message = 'the marks are damaged in every generation; epoch and version come from the own head in the store';
    return { content: NO_MARKS, findings: [{ severity: 'error', reason: 'MarksLost', message, file: path }] };
  }
  const message = 'the marks were damaged or missing, the previous generation is used';
  return {
    content: skipOneWrite(older),
    findings: [{ severity: 'warning', reason: 'MarksDamaged', message, file: path }],
  };
}

/** The lost generation was one write ahead: it may have taken one more epoch or one more block of versions. */
function skipOneWrite(content: MarksContent): MarksContent {
  const { epoch, version } = content.own;
  return { ...content, own: { epoch: epoch + 1, version: version + VERSION_BLOCK } };
}
