import { type ChildProcess, spawn } from 'node:child_process';
import { unlink } from 'node:fs/promises';
import { Backoff } from '../../runtime/backoff.ts';
import type { Clock } from '../../runtime/clock.ts';
import { errorText, IsthmusError } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import type { Random } from '../../runtime/random.ts';
import type { AdminClient } from './admin-client.ts';

/** The Envoy beside the agent: started, watched, started again when it dies, stopped with the agent. */
export interface EnvoyProcessInit {
  readonly binary: string;
  readonly bootstrapPath: string;
  readonly adminSocket: string;
  /** Worker threads. Default 2. */
  readonly concurrency?: number | undefined;
  readonly logLevel?: 'debug' | 'info' | 'warning' | 'error' | undefined;
  /** File descriptors for Envoy's access log (stdout) and log (stderr). Default: the agent's own. */
  readonly stdout?: number | 'inherit' | 'ignore' | undefined;
  readonly stderr?: number | 'inherit' | 'ignore' | undefined;
}

export class EnvoyNotLiveError extends IsthmusError {}

/** Held connections of a removed filter chain end this long after: quarantine counts on it. */
export const DRAIN_TIME_S = 2;
const CONCURRENCY_DEFAULT = 2;
const RESTART_MS = { initialMs: 100, maxMs: 5_000 };
/** An Envoy that lived this long was started well; its next death begins with a short delay again. */
const STABLE_MS = 10_000;
/** Envoy ends within 50 ms of SIGTERM. */
const TERM_GRACE_MS = 3_000;
const LIVE_POLL_MS = 20;
const LOG_FORMAT = '{"ts":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l","component":"envoy","logger":"%n","msg":"%j"}';

export class EnvoyProcess {
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #admin: AdminClient;
  readonly #init: EnvoyProcessInit;
  readonly #backoff: Backoff;
  readonly #stopped = new AbortController();
  #child: ChildProcess | undefined;
  #running: Promise<void> = Promise.resolve();
  #starts = 0;

  constructor(components: { clock: Clock; log: Logger; random: Random; admin: AdminClient }, init: EnvoyProcessInit) {
    this.#clock = components.clock;
    this.#log = components.log;
    this.#admin = components.admin;
    this.#init = init;
    this.#backoff = new Backoff({ random: components.random }, RESTART_MS);
  }

  /** Undefined while no Envoy runs. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** How often Envoy was started. */
  get starts(): number {
    return this.#starts;
  }

  start(): void {
    this.#running = this.#supervise();
  }

  /** Resolves when Envoy says LIVE. @throws EnvoyNotLiveError when stopped before; the signal's reason when aborted */
  async live(signal?: AbortSignal): Promise<void> {
    const either = signal === undefined ? this.#stopped.signal : AbortSignal.any([signal, this.#stopped.signal]);
    while ((await this.#admin.state()) !== 'LIVE') {
      await this.#clock.sleep(LIVE_POLL_MS, either);
    }
  }

  /** SIGTERM, then SIGKILL when it has not ended within 3 s. */
  async stop(): Promise<void> {
    if (!this.#stopped.signal.aborted) {
      this.#stopped.abort(new EnvoyNotLiveError('envoy-stopped', 'envoy was stopped'));
      const child = this.#child;
      if (child !== undefined) {
        child.kill('SIGTERM');
        const force = this.#clock.after(TERM_GRACE_MS, () => child.kill('SIGKILL'));
        await this.#running;
        force.cancel();
      }
    }
    await this.#running;
  }

  async #supervise(): Promise<void> {
    while (!this.#stopped.signal.aborted) {
      const startedMs = this.#clock.monotonicMs();
      const ending = await this.#runOnce();
      if (this.#stopped.signal.aborted) return;
      if (this.#clock.monotonicMs() - startedMs >= STABLE_MS) this.#backoff.reset();
      const delayMs = this.#backoff.nextMs();
      this.#log.error('envoy ended and is started again', { ending, delayMs: Math.round(delayMs) });
      await this.#clock.sleep(delayMs, this.#stopped.signal).catch(() => undefined); // only stop() aborts it
    }
  }

  /** @returns how it ended, in words */
  async #runOnce(): Promise<string> {
    // An Envoy that was killed leaves its admin socket, and the next one could not bind it.
    await unlink(this.#init.adminSocket).catch(() => undefined); // mostly it is not there
    if (this.#stopped.signal.aborted) return 'not started';
    const child = spawn(this.#init.binary, this.#arguments(), {
      stdio: ['ignore', this.#init.stdout ?? 'inherit', this.#init.stderr ?? 'inherit'],
    });
    this.#child = child;
    this.#starts += 1;
    this.#log.info('envoy started', { pid: child.pid });
    const ending = await new Promise<string>((resolve) => {
      child.once('error', (error) => resolve(errorText(error)));
      child.once('exit', (code, signal) => resolve(signal === null ? `exit code ${code ?? 'unknown'}` : signal));
    });
    this.#child = undefined;
    return ending;
  }

  #arguments(): string[] {
    return [
      ...['-c', this.#init.bootstrapPath],
      '--use-dynamic-base-id',
      ...['--concurrency', String(this.#init.concurrency ?? CONCURRENCY_DEFAULT)],
      ...['--drain-time-s', String(DRAIN_TIME_S)],
      ...['--log-level', this.#init.logLevel ?? 'warning'],
      ...['--log-format', LOG_FORMAT],
    ];
  }
}
