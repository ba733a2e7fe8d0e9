import type { Clock } from '../runtime/clock.ts';
import { silentLogger } from '../runtime/log.ts';
import { untilAborted } from '../runtime/until-aborted.ts';
import { loadNamedTopology } from '../topologies/load.ts';
import { countsAgree } from './envoy-counts.ts';
import { type Federation, HTTP_RATE, startFederation, TCP_RATE } from './federation.ts';
import { destroyOnSignals, openLab } from './lab/open.ts';
import { certificates } from './phases/certificates.ts';
import { discovery } from './phases/discovery.ts';
import { failBack, gatewayKilled, localEndpointsDie, siteBlackHoled } from './phases/failover.ts';
import { leastTrust } from './phases/least-trust.ts';
import { HTTP, type PhaseContext, type PhaseResult, TCP } from './phases/phase.ts';
import { storeOutage } from './phases/store-outage.ts';
import { type DemoReport, demoReport } from './report.ts';

/** The main job, shown: three sites, real gateways, constant load, one phase after another. */
export interface DemoInit {
  readonly progress: (text: string) => void;
  readonly onReport: (report: DemoReport) => void;
  /** Leave everything running after the phases, until the signal. */
  readonly keep?:
    | { readonly signal: AbortSignal; readonly onReady: (federation: Federation) => Promise<void> }
    | undefined;
  readonly prefer?: 'loopback' | undefined;
}

const PHASES: readonly ((context: PhaseContext) => Promise<PhaseResult>)[] = [
  discovery,
  localEndpointsDie,
  gatewayKilled,
  siteBlackHoled,
  failBack,
  storeOutage,
  certificates,
  leastTrust,
];

/** A moment of load before the first phase, so that pools and caches are as they are in a running system. */
const WARM_UP_MS = 1_500;

export async function runDemo(components: { clock: Clock }, init: DemoInit): Promise<DemoReport> {
  const { clock } = components;
  const startedMs = clock.monotonicMs();
  const topology = await loadNamedTopology('no-kube-3');
  const prefer = init.prefer === undefined ? {} : { prefer: init.prefer };
  const { lab, reduced } = await openLab({ clock, log: silentLogger }, { topology, ...prefer });
  const forget = destroyOnSignals(lab, () => init.progress('stopped; cleaning up'));
  try {
    if (reduced !== undefined) init.progress(`sites share the loopback network (${reduced})`);
    const federation = await startFederation({ clock, lab }, init.progress);
    const setupMs = clock.monotonicMs() - startedMs;
    await startLoad(federation);
    const phases: PhaseResult[] = [];
    for (const [index, phase] of PHASES.entries()) {
      const progress = (text: string): void => init.progress(`${index + 1}/${PHASES.length} ${text}`);
      const result = await phase({ federation, progress });
      progress(`${result.title}: ${result.failed} of ${result.requests} failed`);
      phases.push(result);
    }
    await Promise.all([federation.load.end(HTTP), federation.load.end(TCP)]);
    const report = demoReport({
      lab: lab.kind,
      setupMs: Math.round(setupMs),
      durationMs: Math.round(clock.monotonicMs() - startedMs - setupMs),
      httpPerSecond: HTTP_RATE,
      tcpPerSecond: TCP_RATE,
      phases,
      counts: await countsAgree(federation),
    });
    init.onReport(report);
    if (init.keep !== undefined) await keepRunning(federation, init.keep);
    return report;
  } finally {
    forget();
    await lab.destroy();
  }
}

async function startLoad({ load, east, clock }: Federation): Promise<void> {
  load.start({ name: HTTP, kind: 'http', ...(await east.callAt('shop')), ratePerSecond: HTTP_RATE });
  load.start({ name: TCP, kind: 'tcp', ...(await east.callAt('db')), ratePerSecond: TCP_RATE });
  await clock.sleep(WARM_UP_MS);
}

async function keepRunning(federation: Federation, keep: NonNullable<DemoInit['keep']>): Promise<void> {
  await keep.onReady(federation);
  await untilAborted(keep.signal);
}
