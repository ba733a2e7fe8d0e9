import type { Sample } from '../load/sample.ts';
import { select, summarise, type Summary, summariseEvent, type Window } from '../load/summary.ts';
import type { Federation } from '../federation.ts';

/** A promise that a phase checked: what was promised, whether it held, and the counts that say so. */
export interface CheckedPromise {
  readonly promise: string;
  readonly held: boolean;
  readonly found: string;
}

/** One step of the demo, as the table and `--json` show it. Times in milliseconds. */
export interface PhaseResult {
  /** Stable word, e.g. `failover-local`. */
  readonly name: string;
  readonly title: string;
  readonly durationMs: number;
  /** HTTP and TCP attempts that were due in the phase, from the load generator. */
  readonly requests: number;
  readonly failed: number;
  /** From the event until the last affected attempt was over; 0 when none was, absent when there was no event. */
  readonly recoveryMs?: number | undefined;
  readonly http: Summary;
  readonly tcp: Summary;
  readonly promises: readonly CheckedPromise[];
  /** What this machine cannot show, e.g. without root. Never counted as held. */
  readonly notShown: readonly string[];
}

export interface PhaseContext {
  readonly federation: Federation;
  readonly progress: (text: string) => void;
}

export const HTTP = 'http';
export const TCP = 'tcp';

/** Lets the load go on for a while after an event, then counts what was due since `fromMs`. */
export async function countFrom(context: PhaseContext, fromMs: number, forMs: number): Promise<Counted> {
  await context.federation.clock.sleep(forMs);
  return countUntilNow(context, fromMs);
}

export async function countUntilNow(context: PhaseContext, fromMs: number): Promise<Counted> {
  const { load } = context.federation;
  const toMs = await load.mark('counted');
  await load.settled(toMs);
  return new Counted(load.samples(), { fromMs, toMs });
}

/** The attempts of one stretch of load. */
export class Counted {
  readonly window: Window;
  readonly httpSamples: readonly Sample[];
  readonly tcpSamples: readonly Sample[];

  constructor(samples: readonly Sample[], window: Window) {
    this.window = window;
    this.httpSamples = select(samples, window, HTTP);
    this.tcpSamples = select(samples, window, TCP);
  }

  get http(): Summary {
    return summarise(this.httpSamples);
  }

  get tcp(): Summary {
    return summarise(this.tcpSamples);
  }

  httpEvent(eventMs: number): ReturnType<typeof summariseEvent> {
    return summariseEvent(this.httpSamples, eventMs);
  }

  tcpEvent(eventMs: number): ReturnType<typeof summariseEvent> {
    return summariseEvent(this.tcpSamples, eventMs);
  }

  result(
    named: Pick<PhaseResult, 'name' | 'title'>,
    found: Partial<Pick<PhaseResult, 'recoveryMs' | 'promises' | 'notShown'>>,
  ): PhaseResult {
    const { http, tcp, window } = this;
    return {
      ...named,
      durationMs: Math.round(window.toMs - window.fromMs),
      requests: http.requests + tcp.requests,
      failed: http.failed + tcp.failed,
      recoveryMs: found.recoveryMs === undefined ? undefined : Math.round(found.recoveryMs),
      http,
      tcp,
      promises: found.promises ?? [],
      notShown: found.notShown ?? [],
    };
  }
}

export function noneFailed(what: string, { requests, failed, failures }: Summary): CheckedPromise {
  const reasons = failed === 0 ? '' : ` (${JSON.stringify(failures)})`;
  return {
    promise: `${what}: 0 failed`,
    held: failed === 0 && requests > 0,
    found: `${failed} of ${requests}${reasons}`,
  };
}

/**
 * TCP cannot replay what was open at a kill; what starts 30 ms later must work. Counted from when the processes are gone:
 * the kernel takes a dying process's memory before its sockets, and accepts connections for it until then.
 */
export function noneFailedLater(what: string, counted: Counted, deadMs: number): CheckedPromise {
  const { failedInFlight, failedAtOnce, failedLater } = counted.tcpEvent(deadMs);
  return {
    promise: `${what}: no connection started more than 30 ms after it fails`,
    held: failedLater === 0 && counted.tcp.requests > 0,
    found: `${failedLater} later, ${failedAtOnce} within 30 ms, ${failedInFlight} open at it`,
  };
}
