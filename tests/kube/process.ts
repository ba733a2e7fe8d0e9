/**
 * One process of a test control plane. The kernel kills it when the thread that started it ends (setpriv --pdeathsig), so
 * a killed test leaves no server.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

const LOG_TAIL_BYTES = 3_000;
const POLL_MS = 20;

export class KubeProcess {
  readonly pid: number;
  readonly logFile: string;
  readonly #child: ChildProcess;
  readonly #exited: Promise<void>;
  #running = true;

  private constructor(child: ChildProcess, pid: number, logFile: string) {
    this.#child = child;
    this.pid = pid;
    this.logFile = logFile;
    this.#exited = new Promise((resolve) => {
      child.once('exit', () => {
        this.#running = false;
        resolve();
      });
    });
  }

  /** Its output, both streams, goes to `logFile`, which is emptied first. */
  static spawn(command: readonly string[], logFile: string): KubeProcess {
    const log = openSync(logFile, 'w');
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', ...command], { stdio: ['ignore', log, log] });
    closeSync(log);
    child.on('error', () => undefined); // told below, by the missing pid
    if (child.pid === undefined) throw new Error(`cannot start ${command[0]}: is setpriv (util-linux) installed`);
    return new KubeProcess(child, child.pid, logFile);
  }

  get running(): boolean {
    return this.#running;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Resolves when it has gone. */
  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    this.signal(signal);
    await this.#exited;
  }

  /** The first match in its output. @throws Error when it ends before, with what it said last */
  async untilLogged(pattern: RegExp, limitMs: number): Promise<RegExpExecArray> {
    const endMs = performance.now() + limitMs;
    for (;;) {
      const running = this.#running; // before the log: what ends has said why
      const text = await readFile(this.logFile, 'utf8');
      const match = pattern.exec(text);
      if (match !== null) return match;
      const tail = text.slice(-LOG_TAIL_BYTES);
      if (!running) throw new Error(`the process ended before it said ${pattern.source}: ${tail}`);
      if (performance.now() > endMs) throw new Error(`waited ${limitMs} ms in vain for ${pattern.source}: ${tail}`);
      await sleep(POLL_MS);
    }
  }
}
