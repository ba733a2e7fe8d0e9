import type { Clock } from '../../runtime/clock.ts';
import { errorText } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import type { Random } from '../../runtime/random.ts';
import type { AdminClient } from './admin-client.ts';
import { NO_PROBES, type Probes, probeFilter, readProbes } from './probes.ts';
import { ReportLine } from './report-line.ts';
import type { ReportCall } from './upstream.ts';

/** Asks Envoy how its peers and checked endpoints are, and tells the controllers of this site. */
export interface ReporterComponents {
  readonly clock: Clock;
  readonly log: Logger;
  readonly random: Random;
  readonly admin: AdminClient;
  /** Whom to report to, read anew at every poll. */
  readonly targets: () => readonly string[];
  readonly open: (target: string, ended: (reason: string) => void) => ReportCall;
  /** Envoy cluster -> service, of exports with an active check. Read anew at every poll. */
  readonly checked: () => ReadonlyMap<string, string>;
}

/** A dead process leaves the published weight within 2 s: one check, this poll, and the controller's own way. */
export const POLL_MS = 500;

export class Reporter {
  readonly #components: ReporterComponents;
  readonly #lines = new Map<string, ReportLine>();
  readonly #stopped = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(components: ReporterComponents) {
    this.#components = components;
  }

  start(): void {
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    for (const line of this.#lines.values()) line.close();
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
    if (this.#stopped.signal.aborted) return;
    const { peers, endpoints } = probes ?? NO_PROBES;
    const report = { peers: [...peers], endpoints: [...endpoints], envoyLive: probes !== undefined };
    const targets = this.#components.targets();
    for (const [target, line] of this.#lines) {
      if (targets.includes(target)) continue;
      this.#lines.delete(target);
      line.close();
    }
    for (const target of targets) this.#line(target).report(report);
  }

  #line(target: string): ReportLine {
    const known = this.#lines.get(target);
    if (known !== undefined) return known;
    const { open } = this.#components;
    const line = new ReportLine({ ...this.#components, open: (ended) => open(target, ended) });
    this.#lines.set(target, line);
    return line;
  }
}
