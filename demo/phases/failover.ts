import { backendsOf } from '../federation.ts';
import type { HeldConnection } from '../load/load-process.ts';
import { firstAnswerMs } from '../load/summary.ts';
import {
  type CheckedPromise,
  type Counted,
  countFrom,
  countUntilNow,
  HTTP,
  TCP,
  noneFailed,
  noneFailedLater,
  type PhaseContext,
  type PhaseResult,
} from './phase.ts';
import { until } from '../until.ts';

/** Phase 2: local endpoints, a gateway and a whole site are lost one after another, and come back, under load. */
const AFTER_EVENT_MS = 4_000;
/** The promise for a black hole. */
const BLACK_HOLE_RECOVERY_MS = 2_500;
const HELD_CUT_MS = 10_000;
/** A sender with data in flight is not promised to notice; it is measured for this long. */
const HELD_SENDING_WAIT_MS = 12_000;
const RETURN_TIMEOUT_MS = 20_000;

const NAMES = { east: ['east-1', 'east-2'], west: ['west-1', 'west-2'] } as const;

/** All local endpoints die at once: the nearest other site takes over. */
export async function localEndpointsDie(context: PhaseContext): Promise<PhaseResult> {
  const { load, east } = context.federation;
  context.progress('kill -9 of all applications of east');
  const eventMs = await load.mark('locals-die');
  await east.killBackends(backendsOf(east.host));
  const deadMs = await load.mark('locals-dead');
  const counted = await countFrom(context, eventMs, AFTER_EVENT_MS);
  const remote = firstAnswerMs(counted.httpSamples, eventMs, new Set(NAMES.west));
  return counted.result(
    { name: 'failover-local', title: 'all local endpoints die' },
    {
      recoveryMs: counted.httpEvent(eventMs).recoveryMs,
      promises: [
        noneFailed('HTTP', counted.http),
        noneFailedLater('TCP', counted, deadMs),
        answeredBy('west', remote, eventMs),
      ],
    },
  );
}

/** `kill -9` of the gateway that carries the traffic now, agent and Envoy: its connections are reset. */
export async function gatewayKilled(context: PhaseContext): Promise<PhaseResult> {
  const { load, west } = context.federation;
  context.progress('kill -9 of the gateway of west');
  const eventMs = await load.mark('gateway-killed');
  await west.kill('gateway', 'envoy');
  const deadMs = await load.mark('gateway-dead');
  const counted = await countFrom(context, eventMs, AFTER_EVENT_MS);
  return counted.result(
    { name: 'failover-kill', title: 'the gateway of west is killed' },
    {
      recoveryMs: counted.httpEvent(eventMs).recoveryMs,
      promises: [noneFailed('HTTP', counted.http), noneFailedLater('TCP', counted, deadMs)],
    },
  );
}

/** The site comes back by itself, carries traffic again, and then vanishes from the network without a word. */
export async function siteBlackHoled(context: PhaseContext): Promise<PhaseResult> {
  const { load, lab } = context.federation;
  // TCP comes back later than HTTP: Envoy keeps a gateway that refused connections ejected for 5 s.
  await untilAnswering(context, 'west', HTTP);
  await untilAnswering(context, 'west', TCP);
  const { idle, sending } = await holdConnections(context);
  context.progress('all packets of west vanish');
  const eventMs = await load.mark('black-hole');
  if (!lab.capabilities.blackHole) return notShown(context, eventMs);
  await lab.blackHole('west');
  const counted = await countFrom(context, eventMs, AFTER_EVENT_MS);
  const event = counted.httpEvent(eventMs);
  const tcp = counted.tcpEvent(eventMs);
  const held = await heldPromises(context, eventMs, { idle, sending });
  return counted.result(
    { name: 'failover-black-hole', title: 'all packets of west vanish' },
    {
      recoveryMs: event.recoveryMs,
      promises: [
        {
          promise: `HTTP recovers within ${BLACK_HOLE_RECOVERY_MS} ms`,
          held: event.recoveryMs <= BLACK_HOLE_RECOVERY_MS,
          found: `${Math.round(event.recoveryMs)} ms, ${counted.http.failed} of ${counted.http.requests} failed`,
        },
        {
          promise: 'no TCP connection started more than 30 ms after it fails',
          held: tcp.failedLater === 0,
          found: `${tcp.failedLater} later, ${tcp.failedAtOnce + tcp.failedInFlight} at it, slowest ${Math.round(tcp.slowestMs)} ms`,
        },
        ...held,
      ],
    },
  );
}

/** West's packets pass again; then the applications of east are started again and take their traffic back. */
export async function failBack(context: PhaseContext): Promise<PhaseResult> {
  const { load, lab, east } = context.federation;
  const fromMs = await load.mark('fail-back');
  if (lab.capabilities.blackHole) {
    context.progress('packets of west pass again');
    await lab.heal('west');
    await untilAnswering(context, 'west', HTTP);
  }
  context.progress('the applications of east are started again');
  const startedMs = await load.mark('locals-return');
  await Promise.all(backendsOf(east.host).map((backend) => east.startBackend(backend)));
  await untilAnswering(context, 'east', HTTP);
  const counted = await countFrom(context, fromMs, 1_000);
  const back = firstAnswerMs(counted.httpSamples, startedMs, new Set(NAMES.east));
  return counted.result(
    { name: 'fail-back', title: 'west and the local endpoints come back' },
    {
      recoveryMs: back === undefined ? undefined : back - startedMs,
      promises: [noneFailed('HTTP', counted.http), noneFailed('TCP', counted.tcp), answeredBy('east', back, startedMs)],
    },
  );
}

function answeredBy(site: string, atMs: number | undefined, sinceMs: number): CheckedPromise {
  const found = atMs === undefined ? 'never' : `first answer after ${Math.round(atMs - sinceMs)} ms`;
  return { promise: `${site} answers`, held: atMs !== undefined, found };
}

/** Until answers of a site are seen among those of the last moments. */
async function untilAnswering(context: PhaseContext, site: 'east' | 'west', stream: string): Promise<void> {
  const { load, clock } = context.federation;
  const sinceMs = await load.mark(`until-${site}-${stream}`);
  await until(clock, { what: `${stream} answers of ${site}`, timeoutMs: RETURN_TIMEOUT_MS, everyMs: 100 }, async () => {
    const samples = load.samples({ fromMs: sinceMs, toMs: Number.POSITIVE_INFINITY }, stream);
    return firstAnswerMs(samples, sinceMs, new Set(NAMES[site])) === undefined ? undefined : true;
  });
}

interface HeldPair {
  readonly idle: HeldConnection;
  readonly sending: HeldConnection;
}

async function holdConnections(context: PhaseContext): Promise<HeldPair> {
  const { load, east } = context.federation;
  const at = await east.callAt('db');
  const open = (mode: 'idle' | 'sending') => (): Promise<HeldConnection> => {
    context.federation.extraTcpConnections.count += 1;
    return load.hold({ ...at, mode });
  };
  const idle = await holdAtWest(open('idle'));
  const sending = await holdAtWest(open('sending'));
  return { idle, sending };
}

/** Connections are balanced; one that went elsewhere is of no use here. */
async function holdAtWest(open: () => Promise<HeldConnection>): Promise<HeldConnection> {
  let held = await open();
  for (let attempt = 0; attempt < 50 && !held.answer.startsWith('west'); attempt++) held = await open();
  return held;
}

async function heldPromises(context: PhaseContext, eventMs: number, pair: HeldPair): Promise<CheckedPromise[]> {
  const { clock } = context.federation;
  const waitMs = HELD_SENDING_WAIT_MS - AFTER_EVENT_MS;
  const timeout = clock.sleep(waitMs).then(() => undefined);
  const [idle, sending] = await Promise.all([
    Promise.race([pair.idle.cut, timeout]),
    Promise.race([pair.sending.cut, timeout]),
  ]);
  const after = (cut: { atMs: number } | undefined): string =>
    cut === undefined ? `not within ${HELD_SENDING_WAIT_MS} ms` : `after ${Math.round(cut.atMs - eventMs)} ms`;
  return [
    {
      promise: `an idle held connection is cut within ${HELD_CUT_MS / 1000} s`,
      held: idle !== undefined && idle.atMs - eventMs <= HELD_CUT_MS && pair.idle.answer.startsWith('west'),
      found: `${after(idle)}, its far side was ${pair.idle.answer} (one with data in flight: ${after(sending)})`,
    },
  ];
}

async function notShown(context: PhaseContext, fromMs: number): Promise<PhaseResult> {
  const counted: Counted = await countUntilNow(context, fromMs);
  return counted.result(
    { name: 'failover-black-hole', title: 'all packets of west vanish' },
    { notShown: ['the black hole'] },
  );
}
