import { type ChildProcess, spawn } from 'node:child_process';
import { Backoff } from '../runtime/backoff.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/log.ts';
import type { Random } from '../runtime/random.ts';

/**
 * Keeps the processes of one site running in the foreground (`isthmus up`): each is restarted with back-off when it ends,
 * and all are ended with this one. Each part runs in its own process, so that a controller that dies takes no gateway
 * with it.
 */
export interface Part {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
}

/** A part that ran this long is healthy; the next failure starts the back-off anew. */
const STABLE_MS = 10_000;
const RESTART = { initialMs: 200, maxMs: 5_000 };
/** Below systemd's and Kubernetes' usual grace, above a gateway's drain time. */
const STOP_GRACE_MS = 15_000;
/** A part that cannot run as configured says so by this exit code (usage, bad input); restarting would only repeat it. */
const EXIT_USAGE = 2;

export interface SupervisorComponents {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

export class Supervisor {
  readonly #components: SupervisorComponents;
  readonly #children = new Map<string, ChildProcess>();
  readonly #stop = new AbortController();
  #failure: number | undefined;

  constructor(components: SupervisorComponents) {
    this.#components = components;
  }

  /** Runs all parts until `stop` or until one of them cannot run at all. Resolves with the exit code to leave with. */
  async run(parts: readonly Part[]): Promise<number> {
    await Promise.all(parts.map((part) => this.#keep(part)));
    return this.#failure ?? 0;
  }

  /** Ends the parts in the order given to `run`, reversed: the gateway first stops taking, then its controller goes. */
  async stop(): Promise<void> {
    this.#stop.abort();
    for (const [name, child] of [...this.#children].reverse()) await this.#end(name, child);
  }

  async #keep(part: Part): Promise<void> {
    const { clock, random, log } = this.#components;
    const backoff = new Backoff({ random }, RESTART);
    while (!this.#stop.signal.aborted) {
      const startedMs = clock.monotonicMs();
      const end = await this.#once(part);
      if (this.#stop.signal.aborted) return;
      if (end.code === EXIT_USAGE) {
        this.#failure = EXIT_USAGE;
        void this.stop();
        return;
      }
      if (clock.monotonicMs() - startedMs > STABLE_MS) backoff.reset();
      const waitMs = backoff.nextMs();
      log.warn('a part of this site ended and is started again', { part: part.name, ...end, waitMs });
      await clock.sleep(waitMs, this.#stop.signal).catch(() => undefined);
    }
  }

  #once(part: Part): Promise<{ code: number | undefined; signal: string | undefined }> {
    return new Promise((resolve) => {
      const child = spawn(part.command, part.args, { stdio: ['ignore', 'inherit', 'inherit'] });
      this.#children.set(part.name, child);
      this.#components.log.info('part started', { part: part.name, pid: child.pid });
      child.once('error', (error) => {
        this.#components.log.error('a part could not be started', { part: part.name, error: error.message });
        resolve({ code: undefined, signal: undefined });
      });
      child.once('exit', (code, signal) => {
        this.#children.delete(part.name);
        resolve({ code: code ?? undefined, signal: signal ?? undefined });
      });
    });
  }

  async #end(name: string, child: ChildProcess): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill('SIGTERM');
    const timer = this.#components.clock.after(STOP_GRACE_MS, () => {
      this.#components.log.warn('a part did not end in time and is killed', { part: name });
      child.kill('SIGKILL');
    });
    await ended;
    timer.cancel();
  }
}
