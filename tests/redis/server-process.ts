/** The process of one server: started, signalled, and reported when it could not have its port. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Program, programPath } from './programs.ts';
import type { ServerFiles } from './server-config.ts';

/** Another process has the port. */
export class PortTakenError extends Error {}

const LOG_TAIL_BYTES = 3_000;
const LOG_POLL_MS = 5;
const STARTED = /Ready to accept connections|Sentinel ID is|MASTER <-> REPLICA sync started|Running mode=sentinel/;
const PORT_TAKEN = /Address already in use|Failed listening on port|Failed to configure LISTEN/;

export class ServerProcess {
  readonly pid: number;
  readonly #child: ChildProcess;
  readonly #logFile: string;
  readonly #exited: Promise<void>;
  #running = true;

  private constructor(child: ChildProcess, pid: number, logFile: string) {
    this.#child = child;
    this.pid = pid;
    this.#logFile = logFile;
    this.#exited = new Promise((resolve) => {
      child.once('exit', () => {
        this.#running = false;
        resolve();
      });
    });
  }

  /** @throws PortTakenError when it ends because the port is in use */
  static async spawn(program: Program, files: ServerFiles): Promise<ServerProcess> {
    const logFile = join(files.directory, 'server.log');
    const log = openSync(logFile, 'w');
    const command = [programPath(program), files.configFile, ...(files.sentinel ? ['--sentinel'] : [])];
    // The kernel sends the signal when the thread that started the server ends, so a killed test leaves no server.
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', ...command], { stdio: ['ignore', log, log] });
    closeSync(log);
    child.on('error', () => undefined); // reported below, by the missing pid
    if (child.pid === undefined) throw new Error(`cannot start ${program}: is setpriv (util-linux) installed`);
    const server = new ServerProcess(child, child.pid, logFile);
    await server.#started(program);
    return server;
  }

  get running(): boolean {
    return this.#running;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.#exited;
  }

  async log(): Promise<string> {
    return (await readFile(this.#logFile, 'utf8')).slice(-LOG_TAIL_BYTES);
  }

  async #started(program: Program): Promise<void> {
    for (;;) {
      const running = this.#running; // before the log: what ends has said why
      const text = await readFile(this.#logFile, 'utf8');
      if (!running && PORT_TAKEN.test(text)) throw new PortTakenError(`${program} could not have its port`);
      if (!running) throw new Error(`${program} did not start: ${text.slice(-LOG_TAIL_BYTES)}`);
      if (STARTED.test(text)) return;
      await sleep(LOG_POLL_MS);
    }
  }
}
