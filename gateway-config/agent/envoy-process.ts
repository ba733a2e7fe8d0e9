import { type ChildProcess, spawn } from 'node:child_process';
import { unlink } from 'node:fs/promises';
import { Backoff } from '../../runtime/backoff.ts';
import type { Clock } from '../../runtime/clock.ts';
import { errorText, IsthmusError } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import type { Random } from '../../runtime/random.ts';
import type { AdminClient } from './admin-client.ts';

/**
 * The Envoy beside the agent: started, watched, started again when it dies, stopped with the agent. Envoy itself asks the
 * kernel for a SIGTERM when its parent dies, so an agent that is killed leaves no Envoy that would share the ports of the
 * next one.
 */
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

/** One Envoy while it runs. */
interface Running {
  readonly pid: number | undefined;
  readonly kill: (signal: 'SIGTERM' | 'SIGKILL') => void;
  /** How it ended, in words. */
  readonly ended: Promise<string>;
}

export class EnvoyProcess {
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #admin: AdminClient;
  readonly #init: EnvoyProcessInit;
  readonly #backoff: Backoff;
  readonly #stopped = new AbortController();
  #current: Running | undefined;
  #supervision: Promise<void> = Promise.resolve();

  constructor(components: { clock: Clock; log: Logger; random: Random; admin: AdminClient }, init: EnvoyProcessInit) {
    this.#clock = components.clock;
    this.#log = components.log;
    this.#admin = components.admin;
    this.#init = init;
    this.#backoff = new Backoff({ random: components.random }, RESTART_MS);
  }

  /** Undefined while no Envoy runs. */
  get pid(): number | undefined {
    return this.#current?.pid;
  }

  start(): void {
    this.#supervision = this.#supervise();
  }

  /** Ends the present Envoy; the next one reads the bootstrap anew. Open connections are lost. */
  restart(): void {
    const current = this.#current;
    if (current !== undefined) void this.#terminate(current);
  }

  /** Resolves when Envoy says LIVE. @throws EnvoyNotLiveError when stopped before; the signal's reason when aborted */
  async live(signal?: AbortSignal): Promise<void> {
    const either = signal === undefined ? this.#stopped.signal : AbortSignal.any([signal, this.#stopped.signal]);
    while ((await this.#admin.state()) !== 'LIVE') await this.#clock.sleep(LIVE_POLL_MS, either);
  }

  async stop(): Promise<void> {
    this.#stopped.abort(new EnvoyNotLiveError('envoy-stopped', 'envoy was stopped'));
    const current = this.#current;
    if (current !== undefined) await this.#terminate(current);
    await this.#supervision;
  }

  /** SIGTERM, then SIGKILL when it has not ended within 3 s. */
  async #terminate(running: Running): Promise<void> {
    running.kill('SIGTERM');
    const force = this.#clock.after(TERM_GRACE_MS, () => running.kill('SIGKILL'));
    await running.ended;
    force.cancel();
  }

  async #supervise(): Promise<void> {
    while (!this.#stopped.signal.aborted) {
      const startedMs = this.#clock.monotonicMs();
      const running = await this.#spawn();
      this.#current = running;
      if (this.#stopped.signal.aborted) void this.#terminate(running); // stop() came before there was anything to stop
      const ending = await running.ended;
      this.#current = undefined;
      await this.#clearUp();
      if (this.#stopped.signal.aborted) return;
      if (this.#clock.monotonicMs() - startedMs >= STABLE_MS) this.#backoff.reset();
      const delayMs = this.#backoff.nextMs();
      this.#log.error('envoy ended and is started again', { ending, delayMs: Math.round(delayMs) });
      await this.#clock.sleep(delayMs, this.#stopped.signal).catch(() => undefined); // only stop() aborts it
    }
  }

  async #spawn(): Promise<Running> {
    await this.#clearUp();
    const child = spawn(this.#init.binary, this.#arguments(), {
      stdio: ['ignore', this.#init.stdout ?? 'inherit', this.#init.stderr ?? 'inherit'],
    });
    this.#log.info('envoy started', { pid: child.pid });
    return { pid: child.pid, kill: (signal) => void child.kill(signal), ended: endOf(child) };
  }

  /** A killed Envoy leaves its admin socket, which the next one could not bind. */
  async #clearUp(): Promise<void> {
    await unlink(this.#init.adminSocket).catch(() => undefined); // mostly it is not there
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

function endOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(errorText(error)));
    child.once('exit', (code, signal) => resolve(signal === null ? `exit code ${code ?? 'unknown'}` : signal));
  });
}
