import { type ChildProcess, spawn } from 'node:child_process';
import { Backoff } from '../runtime/backoff.ts';
import type { Clock } from '../runtime/clock.ts';
import { errorText } from '../runtime/errors.ts';
import type { Logger } from '../runtime/log.ts';
import type { Random } from '../runtime/random.ts';
import { EXIT } from './exit.ts';
import { SUPERVISED_VARIABLE } from './io.ts';

/**
 * Keeps the processes of one site running in the foreground (`isthmus up`): each is restarted with back-off when it ends,
 * and all are ended with this one. Each part runs in its own process, so that a controller that dies takes no gateway
 * with it.
 */
export interface Part {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Ended when all others are: the gateways stop taking first, then their controller goes. */
  readonly endsLast?: true;
}

/** A part that ran this long is healthy; the next failure starts the back-off anew. */
const STABLE_MS = 10_000;
const RESTART = { initialMs: 200, maxMs: 5_000 };
/** Above what a gateway and a controller take to end; twice, gateways then controller, it is below systemd's 20 s. */
const STOP_GRACE_MS = 8_000;

export interface SupervisorComponents {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

interface End {
  readonly code: number | undefined;
  readonly signal: string | undefined;
}

export class Supervisor {
  readonly #components: SupervisorComponents;
  readonly #running = new Map<Part, { readonly child: ChildProcess; readonly ended: Promise<End> }>();
  readonly #stop = new AbortController();
  #failure: number | undefined;
  #stopping: Promise<void> | undefined;

  constructor(components: SupervisorComponents) {
    this.#components = components;
  }

  /** Runs all parts until `stop` or until one of them cannot run at all. Resolves with the exit code to leave with. */
  async run(parts: readonly Part[]): Promise<number> {
    await Promise.all(parts.map((part) => this.#keep(part)));
    await this.#stopping;
    return this.#failure ?? 0;
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#endAll();
    return this.#stopping;
  }

  async #endAll(): Promise<void> {
    this.#stop.abort();
    const parts = [...this.#running.keys()];
    await Promise.all(parts.filter(({ endsLast }) => endsLast !== true).map((part) => this.#end(part)));
    await Promise.all(parts.filter(({ endsLast }) => endsLast === true).map((part) => this.#end(part)));
  }

  async #keep(part: Part): Promise<void> {
    const { clock, random, log } = this.#components;
    const backoff = new Backoff({ random }, RESTART);
    while (!this.#stop.signal.aborted) {
      const startedMs = clock.monotonicMs();
      const end = await this.#once(part);
      if (this.#stop.signal.aborted) return;
      if (end.code === EXIT.usage) {
        // It has said why; restarting it would only repeat that.
        log.error('a part of this site cannot run as configured, the site stops', { part: part.name });
        this.#failure = EXIT.usage;
        await this.stop();
        return;
      }
      if (clock.monotonicMs() - startedMs > STABLE_MS) backoff.reset();
      const waitMs = backoff.nextMs();
      log.warn('a part of this site ended and is started again', { part: part.name, ...end, waitMs });
      await clock.sleep(waitMs, this.#stop.signal).catch(() => undefined); // only stop() aborts it
    }
  }

  async #once(part: Part): Promise<End> {
    let child: ChildProcess;
    try {
      // The pipe is never written: it ends when this process does, however it ends, and the part ends with it.
      const env = { ...process.env, [SUPERVISED_VARIABLE]: '1' };
      child = spawn(part.command, part.args, { env, stdio: ['pipe', 'inherit', 'inherit'] });
    } catch (error) {
      // Too many processes or files at the moment.
      return this.#notStarted(part, error);
    }
    child.stdin?.on('error', () => undefined); // the part is gone, which `exit` tells
    const ended = new Promise<End>((resolve) => {
      child.once('error', (error) => {
        if (child.pid === undefined) resolve(this.#notStarted(part, error));
      });
      child.once('exit', (code, signal) => resolve({ code: code ?? undefined, signal: signal ?? undefined }));
    });
    this.#running.set(part, { child, ended });
    if (child.pid !== undefined) this.#components.log.info('part started', { part: part.name, pid: child.pid });
    const end = await ended;
    this.#running.delete(part);
    return end;
  }

  #notStarted(part: Part, error: unknown): End {
    this.#components.log.error('a part could not be started', { part: part.name, error: errorText(error) });
    return { code: undefined, signal: undefined };
  }

  async #end(part: Part): Promise<void> {
    const running = this.#running.get(part);
    if (running === undefined) return;
    const { child, ended } = running;
    child.kill('SIGTERM');
    const timer = this.#components.clock.after(STOP_GRACE_MS, () => {
      this.#components.log.warn('a part did not end in time and is killed', { part: part.name });
      child.kill('SIGKILL');
    });
    await ended;
    timer.cancel();
  }
}
