import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '../runtime/clock.ts';
import { assertNever, type Finding } from '../runtime/errors.ts';
import type { Logger } from '../runtime/log.ts';
import type { CounterHandle, GaugeHandle, Metrics } from '../runtime/metrics.ts';
import { type FileDocuments, NO_DOCUMENTS, readServicesFile } from './file-content.ts';
import { FILE_SET_LIMITS, type FileState, fold, type Folded, NOTHING_FOLDED } from './file-set.ts';
import type { FolderWatch, UnknownPath } from './folder-watch.ts';
import type { SourceMemory } from './memory.ts';
import { covers, type PathPattern } from './path-pattern.ts';
import { type FileStamp, type ReadFile, readSmallFile } from './read-file.ts';

/** Reads changed files, keeps the last good of each, and folds them. Called by one loop, never twice at once. */
interface KnownFile extends FileState {
  /** `documents` are those of a content that was valid. */
  readonly wasGood: boolean;
  /** Of the newest content looked at, good or bad. Undefined: not read in this process. */
  readonly stamp: FileStamp | undefined;
  /** The newest content looked at. */
  readonly text: string | undefined;
  /** Seen in a state that may be a half-done change; judged when it looked the same for `SETTLE_MS`. */
  readonly unsettled?: Unsettled | undefined;
}

interface Unsettled {
  /** Undefined: the file was not there. */
  readonly stamp: FileStamp | undefined;
  readonly sinceMs: number;
}

/**
 * How long a file that vanished, is invalid or lacks its last newline is given to come back or to be finished: editors
 * delete and create, writers truncate and write in pieces.
 */
export const SETTLE_MS = 100;

export class FilesReader {
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #watch: FolderWatch;
  readonly #memory: SourceMemory;
  readonly #patterns: readonly PathPattern[];
  readonly #files = new Map<string, KnownFile>();
  readonly #reads: CounterHandle;
  readonly #invalid: GaugeHandle;
  readonly #services: GaugeHandle;
  #unknownPaths: readonly UnknownPath[] = [];
  #folded: Folded = NOTHING_FOLDED;
  #hasRead = false;

  constructor(
    components: { clock: Clock; log: Logger; metrics: Metrics; watch: FolderWatch; memory: SourceMemory },
    init: { patterns: readonly PathPattern[] },
  ) {
    const { metrics } = components;
    this.#clock = components.clock;
    this.#log = components.log;
    this.#watch = components.watch;
    this.#memory = components.memory;
    this.#patterns = init.patterns;
    this.#reads = metrics.counter('isthmus_files_source_reads_total', 'Services files read, by result', ['result']);
    this.#invalid = metrics.gauge('isthmus_files_source_findings', 'Problems in services files now');
    this.#services = metrics.gauge('isthmus_files_source_services', 'Services known from files');
  }

  get folded(): Folded {
    return this.#folded;
  }

  covers(file: string): boolean {
    return this.#files.has(file) || this.#patterns.some((pattern) => covers(pattern, file));
  }

  /** Reads `files`, and with `everything` whatever else changed. `unsettled`: read everything again soon. */
  async read(files: readonly string[], scope: 'files' | 'everything'): Promise<'settled' | 'unsettled'> {
    const wanted = new Set(files);
    if (scope === 'everything') for (const file of await this.#changed()) wanted.add(file);
    for (const file of [...wanted].toSorted()) {
      const next = this.#next(file, this.#files.get(file), await readSmallFile(file));
      if (next === undefined) this.#files.delete(file);
      else this.#files.set(file, next);
    }
    this.#hasRead = true;
    this.#fold();
    return [...this.#files.values()].some((file) => file.unsettled !== undefined) ? 'unsettled' : 'settled';
  }

  /** Folds what is known again, with first-seen times that others told. */
  refold(): void {
    this.#folded = NOTHING_FOLDED;
    this.#fold();
  }

  async #changed(): Promise<readonly string[]> {
    const { files, unknown } = await this.#watch.list();
    this.#unknownPaths = unknown;
    const inUnknown = (file: string): boolean => unknown.some(({ pattern }) => covers(pattern, file));
    for (const file of this.#memory.files) {
      if (!this.#files.has(file) && inUnknown(file)) this.#files.set(file, this.#restored(file));
      // The path is no longer configured, or the file was deleted while nobody watched.
      else if (!this.#files.has(file) && !files.has(file)) this.#memory.forget(file);
    }
    const gone = [...this.#files.keys()].filter((file) => !files.has(file) && !inUnknown(file));
    const changed = [...files].filter(([file, stamp]) => this.#files.get(file)?.stamp !== stamp).map(([file]) => file);
    return [...gone, ...changed];
  }

  #next(file: string, known: KnownFile | undefined, read: ReadFile): KnownFile | undefined {
    switch (read.kind) {
      case 'missing':
        if (known === undefined) return undefined;
        if (this.#unknownPaths.some(({ pattern }) => covers(pattern, file))) return { ...known, unsettled: undefined };
        if (!this.#isSettled(known, undefined)) return { ...known, unsettled: this.#unsettled(known, undefined) };
        this.#memory.forget(file);
        this.#log.info('services file is gone', { file });
        return undefined;
      case 'refused':
        return this.#nextRefused(file, known, read);
      case 'text':
        return this.#nextText(file, known, read.text, read.stamp);
      default:
        return assertNever(read);
    }
  }

  #nextRefused(file: string, known: KnownFile | undefined, read: ReadFile & { kind: 'refused' }): KnownFile {
    const { finding, stamp = 'unreadable' } = read;
    if (this.#hasRead && !this.#isSettled(known, stamp)) return this.#wait(file, known, stamp);
    return this.#keep(file, known, { stamp, text: undefined }, [finding]);
  }

  #nextText(file: string, known: KnownFile | undefined, text: string, stamp: FileStamp): KnownFile {
    if (known !== undefined && known.text === text) return { ...known, stamp, unsettled: undefined };
    const content = readServicesFile(text, file);
    // Only files that change under our eyes can be half-written. Until it is judged, the last good is shown anyway.
    if (this.#hasRead && !(content.ok && looksComplete(file, text)) && !this.#isSettled(known, stamp)) {
      return this.#wait(file, known, stamp);
    }
    if (!content.ok) return this.#keep(file, known, { stamp, text, closing: content.closing }, content.findings);
    if (this.#files.size >= FILE_SET_LIMITS.filesMax && known === undefined) {
      return this.#keep(file, known, { stamp, text }, [tooManyFiles(file)]);
    }
    this.#reads.add({ result: 'ok' });
    if (known !== undefined) this.#log.info('services file changed', { file, services: content.services.length });
    this.#memory.remember(file, text);
    return { file, documents: content, wasGood: true, findings: content.warnings, stamp, text };
  }

  #isSettled(known: KnownFile | undefined, stamp: FileStamp | undefined): boolean {
    const before = known?.unsettled;
    return before !== undefined && before.stamp === stamp && this.#clock.monotonicMs() - before.sinceMs >= SETTLE_MS;
  }

  #wait(file: string, known: KnownFile | undefined, stamp: FileStamp): KnownFile {
    const shown = known ?? {
      file,
      documents: NO_DOCUMENTS,
      wasGood: false,
      findings: [],
      stamp: undefined,
      text: undefined,
    };
    return { ...shown, unsettled: this.#unsettled(known, stamp) };
  }

  #unsettled(known: KnownFile | undefined, stamp: FileStamp | undefined): Unsettled {
    const before = known?.unsettled;
    return before !== undefined && before.stamp === stamp ? before : { stamp, sinceMs: this.#clock.monotonicMs() };
  }

  /** The file is not usable now: its last good content stays. */
  #keep(
    file: string,
    known: KnownFile | undefined,
    { closing = [], ...seen }: Pick<KnownFile, 'stamp' | 'text'> & { readonly closing?: FileDocuments['grants'] },
    findings: readonly Finding[],
  ): KnownFile {
    this.#reads.add({ result: 'invalid' });
    const { documents: kept, wasGood } = known ?? this.#restored(file);
    const documents = wasGood ? kept : { ...NO_DOCUMENTS, grants: closing };
    // A file whose stamp is unknown is tried at each poll: say it once.
    const news = isDeepStrictEqual(findings, known?.findings) ? [] : findings;
    for (const { line, field, message, reason } of news) {
      this.#log.warn('services file is invalid, last good kept', { file, line, field, reason, problem: message });
    }
    return { file, documents, wasGood, findings, ...seen };
  }

  /** From the memory of an earlier process; what does not read any more is as good as never remembered. */
  #restored(file: string): KnownFile {
    const text = this.#memory.lastGood(file);
    const content = text === undefined ? undefined : readServicesFile(text, file);
    const wasGood = content?.ok === true;
    return {
      file,
      documents: wasGood ? content : NO_DOCUMENTS,
      wasGood,
      findings: [],
      stamp: undefined,
      text: undefined,
    };
  }

  #fold(): void {
    const paths = this.#unknownPaths.map(unknownFinding);
    const states: FileState[] = [...this.#files.values()];
    const next = fold([...states, ...paths], (key) => this.#memory.firstSeen(key), this.#folded);
    this.#folded = next;
    this.#invalid.set(next.findings.length);
    this.#services.set(next.view.services.size);
    if (next.findings.some(({ severity }) => severity === 'error')) return;
    const exported = [...next.view.services.values()].filter((service) => service.exported);
    this.#memory.retainFirstSeen(new Set(exported.map((service) => service.key)));
  }
}

/** Cut off in the middle of a line, YAML can be valid and wrong: `10.0.0.1` of `10.0.0.12`. Valid JSON is complete. */
function looksComplete(file: string, text: string): boolean {
  return text.endsWith('\n') || file.endsWith('.json');
}

function unknownFinding({ pattern, reason, message }: UnknownPath): FileState {
  const finding: Finding = { severity: 'error', reason, message, file: pattern.path };
  return { file: pattern.path, documents: NO_DOCUMENTS, findings: [finding] };
}

function tooManyFiles(file: string): Finding {
  const message = `there are more than ${FILE_SET_LIMITS.filesMax} services files, this one is left out`;
  return { severity: 'error', reason: 'TooManyFiles', message, file };
}
