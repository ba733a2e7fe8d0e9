import { Backoff } from '../../runtime/backoff.ts';
import type { Clock } from '../../runtime/clock.ts';
import { errorText } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import type { Random } from '../../runtime/random.ts';
import type { AdminClient } from './admin-client.ts';
import { RECONNECT_BACK_OFF } from './controller-link.ts';
import { NO_PROBES, type Probes, probeFilter, readProbes } from './probes.ts';
import type { ReportCall } from './upstream.ts';

/** Asks Envoy how its peers and checked endpoints are, and tells the controller when that changes, and every 5 s. */
export interface ReporterComponents {
  readonly clock: Clock;
  readonly log: Logger;
  readonly random: Random;
  readonly admin: AdminClient;
  readonly open: (ended: (reason: string) => void) => ReportCall;
  /** Envoy cluster -> service, of exports with an active check. Read anew at every poll. */
  readonly checked: () => ReadonlyMap<string, string>;
}

/** A dead process leaves the published weight within 2 s: one check, this poll, and the controller's own way. */
export const POLL_MS = 500;
/** The controller takes a longer silence for a dead agent. */
export const REPORT_MS = 5_000;

export class Reporter {
  readonly #components: ReporterComponents;
  readonly #backoff: Backoff;
  readonly #stopped = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #call: ReportCall | undefined;
  #redialAtMs = 0;
  #lastSent = '';
  #lastSentMs = Number.NEGATIVE_INFINITY;

  constructor(components: ReporterComponents) {
    this.#components = components;
    this.#backoff = new Backoff({ random: components.random }, RECONNECT_BACK_OFF);
  }

  start(): void {
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    this.#call?.cancel();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { clock } = this.#components;
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      this.#report(await this.#probe());
      await clock.sleep(POLL_MS, signal).catch(() => undefined); // only stop() aborts it
    }
  }

  /** Undefined: Envoy does not answer, or is not live. */
  async #probe(): Promise<Probes | undefined> {
    const { admin, checked, log } = this.#components;
    if ((await admin.state()) !== 'LIVE') return undefined;
    const clusters = checked();
    try {
      const answer = await admin.get(`/clusters?format=json&filter=${encodeURIComponent(probeFilter(clusters))}`);
      return readProbes(answer.toString('utf8'), clusters);
    } catch (error) {
      log.debug('envoy did not say how its clusters are', { reason: errorText(error) });
      return undefined;
    }
  }

  #report(probes: Probes | undefined): void {
    const { clock } = this.#components;
    if (this.#stopped.signal.aborted) return;
    const nowMs = clock.monotonicMs();
    if (this.#call === undefined) {
      if (nowMs < this.#redialAtMs) return;
      this.#dial();
    }
    const { peers, endpoints } = probes ?? NO_PROBES;
    const report = { peers: [...peers], endpoints: [...endpoints], envoyLive: probes !== undefined };
    const text = JSON.stringify(report);
    if (text === this.#lastSent && nowMs - this.#lastSentMs < REPORT_MS) return;
    if (this.#call?.send(report) !== true) return;
    this.#lastSent = text;
    this.#lastSentMs = nowMs;
  }

  #dial(): void {
    const { clock, open } = this.#components;
    this.#lastSent = '';
    const dialledMs = clock.monotonicMs();
    const call = open(() => {
      if (this.#call !== call) return;
      this.#call = undefined;
      if (clock.monotonicMs() - dialledMs > REPORT_MS) this.#backoff.reset();
      this.#redialAtMs = clock.monotonicMs() + this.#backoff.nextMs();
    });
    this.#call = call;
  }
}
