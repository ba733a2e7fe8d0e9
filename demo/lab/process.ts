import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../runtime/clock.ts';
import { errorText } from '../../runtime/errors.ts';
import { identify, isAlive, type ProcessIdentity } from './identity.ts';
import { LabError } from './lab.ts';
import { LAB_VARIABLE } from './sweep.ts';

/**
 * A program of the lab. Each leads a session of its own: a Ctrl-C at the terminal reaches the demo alone, which then ends
 * its programs in order, and one signal reaches a program together with all that it started.
 */
export interface SpawnOptions {
  /** Names the log file and the program in errors; unique within the lab. */
  readonly name: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** `pipe`: the caller writes to `child.stdin`. Default: nothing to read. */
  readonly stdin?: 'pipe';
  /** `pipe`: the caller reads `child.stdout`. Default: standard output goes to the log as well. */
  readonly stdout?: 'pipe';
}

export interface Exit {
  readonly code: number | undefined;
  readonly signal: NodeJS.Signals | undefined;
}

/** How long a program may take to end by itself; after that it is killed. Envoy drains for up to 2 s. */
const STOP_GRACE_MS = 5000;
const LOG_POLL_MS = 20;
const LOG_TAIL_BYTES = 2000;

export class LabProcess {
  readonly name: string;
  readonly pid: number;
  readonly child: ChildProcess;
  readonly logFile: string;
  readonly exited: Promise<Exit>;
  readonly #clock: Clock;
  readonly #identity: ProcessIdentity | undefined;
  #exit: Exit | undefined;

  constructor(components: { clock: Clock }, init: { name: string; child: ChildProcess; pid: number; logFile: string }) {
    this.#clock = components.clock;
    this.name = init.name;
    this.child = init.child;
    this.pid = init.pid;
    this.logFile = init.logFile;
    this.#identity = identify(init.pid);
    this.exited = new Promise((resolve) => {
      init.child.once('exit', (code, signal) => {
        this.#exit = { code: code ?? undefined, signal: signal ?? undefined };
        resolve(this.#exit);
      });
    });
  }

  get running(): boolean {
    return this.#exit === undefined;
  }

  /** Sends a signal to the program and the rest of its process group. False when nothing is left to receive it. */
  signal(signal: NodeJS.Signals): boolean {
    // The kernel gives a pid to a new process only when no group bears that number any more. So another process with our
    // number means that our group is gone.
    const reused = this.#identity !== undefined && identify(this.pid) !== undefined && !isAlive(this.#identity);
    return !reused && signalGroup(this.pid, signal);
  }

  /** `kill -9`: as a crash, without a chance to say goodbye. */
  async kill(): Promise<Exit> {
    this.signal('SIGKILL');
    return this.exited;
  }

  /** Asks the program to end, then kills what is left of it and its children: as a service manager does. */
  async stop(graceMs = STOP_GRACE_MS): Promise<Exit> {
    if (this.running) {
      this.child.kill('SIGTERM');
      const timer = this.#clock.after(graceMs, () => this.signal('SIGKILL'));
      await this.exited;
      timer.cancel();
    }
    this.signal('SIGKILL');
    return this.exited;
  }

  /**
   * Resolves with the match once the log matches.
   * @throws LabError with the end of the log when the program ends or time runs out before
   */
  async untilLogged(pattern: RegExp, timeoutMs: number): Promise<RegExpExecArray> {
    const deadlineMs = this.#clock.monotonicMs() + timeoutMs;
    for (;;) {
      // Read the state before the log: a program that says so and ends has still said so.
      const wasRunning = this.running;
      const found = pattern.exec(await readFile(this.logFile, 'utf8'));
      if (found !== null) return found;
      if (!wasRunning) throw this.#failure(`ended before it logged ${pattern.source}`);
      if (this.#clock.monotonicMs() > deadlineMs)
        throw this.#failure(`did not log ${pattern.source} in ${timeoutMs} ms`);
      await this.#clock.sleep(LOG_POLL_MS);
    }
  }

  /** The last lines of the log, for an error message. */
  logTail(): string {
    try {
      return readFileSync(this.logFile, 'utf8').slice(-LOG_TAIL_BYTES).trim();
    } catch (error) {
      return `(no log: ${errorText(error)})`;
    }
  }

  #failure(what: string): LabError {
    return new LabError('lab-process', `${this.name} ${what}: ${this.logTail() || '(its log is empty)'}`, {
      fields: { name: this.name, pid: this.pid, logFile: this.logFile },
    });
  }
}

/** @throws LabError when the program cannot be started at all */
export function startProcess(
  components: { clock: Clock },
  command: string,
  args: readonly string[],
  options: SpawnOptions & { readonly labDirectory: string },
): LabProcess {
  const logFile = join(options.labDirectory, 'logs', `${options.name}.log`);
  const log = openSync(logFile, 'a');
  try {
    const child = spawn(command, args, {
      detached: true,
      env: { ...process.env, ...options.env, [LAB_VARIABLE]: options.labDirectory },
      stdio: [options.stdin ?? 'ignore', options.stdout ?? log, log],
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    });
    // Without a listener a command that does not exist would end the demo; it is reported below, by its missing pid.
    child.on('error', () => undefined);
    if (child.pid === undefined) {
      throw new LabError('lab-process', `cannot start ${options.name}: is ${command} installed`);
    }
    return new LabProcess(components, { name: options.name, child, pid: child.pid, logFile });
  } finally {
    closeSync(log);
  }
}

function signalGroup(leader: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(-leader, signal);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ESRCH') return false;
    throw error;
  }
}
