/** Programs that are run for a topology: each is written down with its time and what it said, none outlives its run. */
import { appendFile } from 'node:fs/promises';
import { execa, type Options, type Result } from 'execa';
import { IsthmusError } from '../../runtime/errors.ts';

export interface CommandsInit {
  /** Every command, its time and its output are appended here. */
  readonly logFile: string;
  /** Ends what runs. */
  readonly signal: AbortSignal;
  /** Put before each command: into the network namespace of a Docker engine, say. */
  readonly enter?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export interface CommandOptions {
  readonly input?: string;
  readonly timeoutMs?: number;
  readonly env?: Readonly<Record<string, string>>;
}

const TIMEOUT_MS = 180_000;
const TOLD_MAX = 2_000;

export class CommandError extends IsthmusError {
  constructor(command: string, { exitCode, timedOut, all }: Pick<Result, 'exitCode' | 'timedOut'> & { all: string }) {
    const how = timedOut ? 'did not end in time' : `ended with ${exitCode ?? 'a signal'}`;
    super('command', `${command}: ${how}: ${all.slice(-TOLD_MAX)}`);
  }
}

/** For commands that may fail. */
export function unlessCommand(error: unknown): undefined {
  if (!(error instanceof CommandError)) throw error;
  return undefined;
}

export class Commands {
  readonly #init: CommandsInit;

  constructor(init: CommandsInit) {
    this.#init = init;
  }

  /** For what must be done also when everything else was stopped: taking down. */
  get lasting(): Commands {
    return new Commands({ ...this.#init, signal: new AbortController().signal });
  }

  /** What it prints. @throws CommandError with the end of what it said */
  async run(program: string, args: readonly string[], options: CommandOptions = {}): Promise<string> {
    const { enter = [], signal, env } = this.#init;
    const [first = program, ...rest] = [...enter, program, ...args];
    const startedMs = performance.now();
    const execution = {
      ...(options.input === undefined ? { stdin: 'ignore' } : { input: options.input }),
      all: true,
      reject: false,
      cancelSignal: signal,
      timeout: options.timeoutMs ?? TIMEOUT_MS,
      env: { ...env, ...options.env },
    } as const satisfies Options;
    const result = await execa(first, rest, execution);
    const command = [program, ...args].join(' ');
    const seconds = ((performance.now() - startedMs) / 1_000).toFixed(2);
    await appendFile(
      this.#init.logFile,
      `${new Date().toISOString()} ${seconds} s [${result.exitCode ?? '-'}] ${command}\n${result.all}\n`,
    );
    signal.throwIfAborted();
    if (result.failed) throw new CommandError(command, result);
    return result.stdout;
  }

  async json<T>(program: string, args: readonly string[], options?: CommandOptions): Promise<T> {
    // The caller names the shape that the program documents.
    return JSON.parse(await this.run(program, args, options)) as T;
  }
}
