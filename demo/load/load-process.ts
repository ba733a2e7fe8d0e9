import { createInterface } from 'node:readline';
import { join } from 'node:path';
import type { Clock } from '../../runtime/clock.ts';
import { IsthmusError } from '../../runtime/errors.ts';
import type { Lab, LabHost } from '../lab/lab.ts';
import type { LabProcess } from '../lab/process.ts';
import { type CommandInput, type Report, reportSchema, unpackSample } from './protocol.ts';
import type { Sample } from './sample.ts';
import { select, type Window } from './summary.ts';
import type { StreamInput } from './target.ts';

/**
 * The demo's end of a load generator that runs on a host of the lab. All times are milliseconds on the *generator's*
 * clock; get one by `mark`.
 */
export interface HeldConnection {
  /** Who answered when it was opened. */
  readonly answer: string;
  readonly openedMs: number;
  /** Resolves when it is cut from the other side. */
  readonly cut: Promise<{ readonly atMs: number; readonly reason: string }>;
}

export interface LoadEnd {
  readonly attempts: number;
  /** CPU time of the generator per second since it was ready: 0.15 is 15 % of a core. */
  readonly cpuShare: number;
}

type Is<K extends Report['is']> = Extract<Report, { is: K }>;

const START_TIMEOUT_MS = 20_000;
/** Longest attempt, plus what a busy machine may add. */
const REPLY_TIMEOUT_MS = 75_000;
const GENERATOR = join(import.meta.dirname, 'load.ts');
let started = 0;

export class LoadProcess {
  readonly #clock: Clock;
  readonly #process: LabProcess;
  readonly #samples: Sample[] = [];
  readonly #waiting = new Set<(report: Report) => boolean>();
  readonly #failures: string[] = [];
  #requests = 0;

  /** @throws IsthmusError when the generator does not start */
  static async start(components: { clock: Clock; lab: Lab }, init: { readonly host: LabHost }): Promise<LoadProcess> {
    started += 1;
    const running = components.lab.spawn(init.host, process.execPath, [GENERATOR], {
      name: `load-${started}`,
      stdin: 'pipe',
      stdout: 'pipe',
    });
    const load = new LoadProcess(components, running);
    await load.#until('the start', START_TIMEOUT_MS, (report): report is Is<'ready'> => report.is === 'ready');
    return load;
  }

  private constructor(components: { clock: Clock }, running: LabProcess) {
    this.#clock = components.clock;
    this.#process = running;
    const { stdout, stdin } = running.child;
    if (stdout === null || stdin === null) throw new IsthmusError('load', 'the generator has no pipes');
    // It has been killed with the lab; whoever waits for an answer is told by its exit.
    stdin.on('error', () => undefined);
    createInterface({ input: stdout }).on('line', (line) => this.#receive(line));
  }

  /** Starts a stream of attempts; samples carry its name. */
  start(stream: StreamInput): void {
    this.#send({ do: 'start', stream });
  }

  /** Ends a stream; resolves when its last attempt is over and counted. */
  async end(stream: string): Promise<void> {
    const ended = this.#until(
      `the end of ${stream}`,
      REPLY_TIMEOUT_MS,
      (report): report is Is<'ended'> => report.is === 'ended' && report.stream === stream,
    );
    this.#send({ do: 'end', stream });
    await ended;
  }

  /**
   * Now, on the generator's clock. Mark *before* causing an event: then nothing that the event broke started before it.
   */
  async mark(name: string): Promise<number> {
    const marked = this.#until(
      `mark ${name}`,
      START_TIMEOUT_MS,
      (report): report is Is<'marked'> => report.is === 'marked' && report.name === name,
    );
    this.#send({ do: 'mark', name });
    return (await marked).atMs;
  }

  /** Resolves when every attempt that was due before this moment is over and among the samples. */
  async settled(beforeMs: number): Promise<void> {
    const id = `settle-${(this.#requests += 1)}`;
    const settled = this.#until(
      'open attempts',
      REPLY_TIMEOUT_MS,
      (report): report is Is<'settled'> => report.is === 'settled' && report.id === id,
    );
    this.#send({ do: 'settle', id, beforeMs });
    await settled;
  }

  /** All samples so far, or those due in a window (which should be settled), of one stream or of all. */
  samples(window?: Window, stream?: string): readonly Sample[] {
    return select(this.#samples, window ?? { fromMs: -Infinity, toMs: Infinity }, stream);
  }

  /** Opens a connection to a TCP service and keeps it. */
  async hold(init: { host: string; port: number; mode: 'idle' | 'sending' }): Promise<HeldConnection> {
    const id = `held-${(this.#requests += 1)}`;
    const opened = this.#until(
      'a held connection',
      START_TIMEOUT_MS,
      (report): report is Is<'held'> | Is<'cut'> => (report.is === 'held' || report.is === 'cut') && report.id === id,
    );
    // Listened for from the beginning: it may be cut in the same breath.
    const cut = this.#expect((report): report is Is<'cut'> => report.is === 'cut' && report.id === id);
    this.#send({ do: 'hold', id, ...init });
    const report = await opened;
    if (report.is === 'cut') throw new IsthmusError('load', `a connection could not be held: ${report.reason}`);
    return { answer: report.answer, openedMs: report.atMs, cut };
  }

  /** Ends all streams and the process; resolves when all attempts are over and counted. */
  async stop(): Promise<LoadEnd> {
    const stopped = this.#until(
      'the last attempts',
      REPLY_TIMEOUT_MS,
      (report): report is Is<'stopped'> => report.is === 'stopped',
    );
    this.#send({ do: 'stop' });
    const { attempts, cpuShare } = await stopped;
    await this.#process.exited;
    return { attempts, cpuShare };
  }

  /** Ends it without waiting for anything. */
  kill(): void {
    this.#process.signal('SIGKILL');
  }

  #send(command: CommandInput): void {
    this.#process.child.stdin?.write(`${JSON.stringify(command)}\n`);
  }

  #receive(line: string): void {
    const report = reportSchema.parse(JSON.parse(line));
    if (report.is === 'samples') {
      for (const packed of report.batch) this.#samples.push(unpackSample(packed));
    } else if (report.is === 'refused') {
      this.#failures.push(report.message);
    }
    for (const take of this.#waiting) if (take(report)) this.#waiting.delete(take);
  }

  /** The first later report that is wanted. Never settles when none comes. */
  #expect<T extends Report>(wanted: (report: Report) => report is T): Promise<T> {
    return new Promise((resolve) => {
      this.#waiting.add((report) => {
        if (!wanted(report)) return false;
        resolve(report);
        return true;
      });
    });
  }

  async #until<T extends Report>(what: string, timeoutMs: number, wanted: (report: Report) => report is T): Promise<T> {
    const silence = new AbortController();
    const timeout = this.#clock.sleep(timeoutMs, silence.signal).then(
      () => this.#fail(`${what}: no answer in ${timeoutMs} ms`),
      // Aborted: the answer came.
      () => new Promise<never>(() => undefined),
    );
    const gone = this.#process.exited.then(({ code, signal }) => this.#fail(`${what}: ended (${code ?? signal})`));
    try {
      return await Promise.race([this.#expect(wanted), timeout, gone]);
    } finally {
      silence.abort(new IsthmusError('aborted', 'answered'));
    }
  }

  #fail(what: string): never {
    const said = [this.#process.logTail(), ...this.#failures].filter((text) => text !== '').join('; ');
    throw new IsthmusError('load', `load generator, waiting for ${what}${said === '' ? '' : `: ${said}`}`);
  }
}
