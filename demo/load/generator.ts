import type { Clock } from '../../runtime/clock.ts';
import { assertNever } from '../../runtime/errors.ts';
import { hold } from './held.ts';
import { httpProbe } from './http-probe.ts';
import { OpenLoop } from './open-loop.ts';
import { type Command, packSample, type Report } from './protocol.ts';
import type { Sample } from './sample.ts';
import { tcpProbe } from './tcp-probe.ts';
import type { Stream } from './target.ts';

/** The generator without its process: commands in, reports out. */
interface Running {
  readonly loop: OpenLoop;
  readonly close: () => void;
}

/** Samples are reported in batches: a line for each would cost more than the attempt. */
const BATCH_MS = 50;
const STREAMS_MAX = 64;
const HELD_MAX = 256;

export class Generator {
  readonly #components: { readonly clock: Clock };
  readonly #clock: Clock;
  readonly #report: (report: Report) => void;
  readonly #streams = new Map<string, Running>();
  readonly #held = new Map<string, () => void>();
  #batch: Sample[] = [];
  #attempts = 0;

  constructor(components: { clock: Clock }, init: { readonly report: (report: Report) => void }) {
    this.#components = components;
    this.#clock = components.clock;
    this.#report = init.report;
  }

  /** Resolves once the command has taken effect; for `end` and `stop`, when all attempts are over. */
  async run(command: Command): Promise<void> {
    switch (command.do) {
      case 'start':
        return this.#start(command.stream);
      case 'end':
        return this.#end(command.stream);
      case 'mark':
        return this.#report({ is: 'marked', name: command.name, atMs: this.#clock.monotonicMs() });
      case 'settle':
        return this.#settle(command.id, command.beforeMs);
      case 'hold':
        return this.#hold(command);
      case 'release':
        this.#held.get(command.id)?.();
        this.#held.delete(command.id);
        return undefined;
      case 'stop':
        return this.stop();
      default:
        return assertNever(command);
    }
  }

  /** Ends everything; nothing is reported afterwards but by the caller. */
  async stop(): Promise<void> {
    for (const release of this.#held.values()) release();
    this.#held.clear();
    await Promise.all([...this.#streams.keys()].map((name) => this.#end(name)));
    this.#flush();
  }

  get attempts(): number {
    return this.#attempts;
  }

  #start(stream: Stream): void {
    if (this.#streams.has(stream.name)) return this.#refuse(`stream ${stream.name} runs already`);
    if (this.#streams.size >= STREAMS_MAX) return this.#refuse(`at most ${STREAMS_MAX} streams`);
    const { probe, close } =
      stream.kind === 'http' ? httpProbe(this.#components, stream) : tcpProbe(this.#components, stream);
    const loop = new OpenLoop(this.#components, {
      name: stream.name,
      ratePerSecond: stream.ratePerSecond,
      probe,
      onSample: (sample) => this.#collect(sample),
    });
    this.#streams.set(stream.name, { loop, close });
    return undefined;
  }

  async #end(name: string): Promise<void> {
    const running = this.#streams.get(name);
    if (running === undefined) return this.#refuse(`no stream is named ${name}`);
    await running.loop.end();
    running.close();
    this.#streams.delete(name);
    this.#flush();
    this.#report({ is: 'ended', stream: name, attempts: running.loop.attempts });
  }

  async #settle(id: string, beforeMs: number): Promise<void> {
    const open = (): boolean => [...this.#streams.values()].some(({ loop }) => !loop.isSettled(beforeMs));
    while (this.#clock.monotonicMs() < beforeMs || open()) await this.#clock.sleep(BATCH_MS);
    this.#flush();
    this.#report({ is: 'settled', id });
  }

  #hold(command: Extract<Command, { do: 'hold' }>): void {
    const { id, host, port, mode } = command;
    if (this.#held.has(id) || this.#held.size >= HELD_MAX) return this.#refuse(`cannot hold ${id}: taken, or too many`);
    const onOpen = (answer: string): void => this.#report({ is: 'held', id, answer, atMs: this.#clock.monotonicMs() });
    const onCut = (reason: string): void => {
      this.#held.delete(id);
      this.#report({ is: 'cut', id, reason, atMs: this.#clock.monotonicMs() });
    };
    this.#held.set(id, hold(this.#components, { host, port, mode, onOpen, onCut }));
    return undefined;
  }

  #collect(sample: Sample): void {
    this.#attempts += 1;
    if (this.#batch.length === 0) this.#clock.after(BATCH_MS, () => this.#flush());
    this.#batch.push(sample);
  }

  #flush(): void {
    if (this.#batch.length === 0) return;
    const batch = this.#batch.map(packSample);
    this.#batch = [];
    this.#report({ is: 'samples', batch });
  }

  #refuse(message: string): void {
    this.#report({ is: 'refused', message });
  }
}
