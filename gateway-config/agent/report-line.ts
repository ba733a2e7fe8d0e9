import { Backoff } from '../../runtime/backoff.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Random } from '../../runtime/random.ts';
import { RECONNECT_BACK_OFF } from './controller-link.ts';
import type { ReportCall } from './upstream.ts';

/** The report to one controller: sent when it changes and every 5 s, dialled again when it ends. */
export interface ReportLineComponents {
  readonly clock: Clock;
  readonly random: Random;
  readonly open: (ended: (reason: string) => void) => ReportCall;
}

export type Report = Parameters<ReportCall['send']>[0];

/** The controller takes a longer silence for a dead agent. */
export const REPORT_MS = 5_000;

export class ReportLine {
  readonly #components: ReportLineComponents;
  readonly #backoff: Backoff;
  #call: ReportCall | undefined;
  #redialAtMs = Number.NEGATIVE_INFINITY;
  #lastSent = '';
  #lastSentMs = Number.NEGATIVE_INFINITY;

  constructor(components: ReportLineComponents) {
    this.#components = components;
    this.#backoff = new Backoff(components, RECONNECT_BACK_OFF);
  }

  report(report: Report): void {
    const nowMs = this.#components.clock.monotonicMs();
    if (this.#call === undefined) {
      if (nowMs < this.#redialAtMs) return;
      this.#dial();
    }
    const text = JSON.stringify(report);
    if (text === this.#lastSent && nowMs - this.#lastSentMs < REPORT_MS) return;
    if (this.#call?.send(report) !== true) return;
    this.#lastSent = text;
    this.#lastSentMs = nowMs;
  }

  close(): void {
    this.#call?.cancel();
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
