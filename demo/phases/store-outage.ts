import { countFrom, countUntilNow, noneFailed, type PhaseContext, type PhaseResult } from './phase.ts';
import { until } from '../until.ts';

/** Phase 3: the store is gone, and a controller is killed meanwhile. Traffic must not notice. */
const DARK_BEFORE_KILL_MS = 2_000;
const DARK_AFTER_START_MS = 3_000;
const CONTROLLER_TIMEOUT_MS = 20_000;

export async function storeOutage(context: PhaseContext): Promise<PhaseResult> {
  const { load, lab, east, clock } = context.federation;
  const fromMs = await load.mark('store-outage');
  context.progress('the store is cut off');
  await lab.cutStore();
  await clock.sleep(DARK_BEFORE_KILL_MS);
  context.progress('kill -9 of the controller of east, while the store is away');
  const before = await east.pid('controller');
  await east.kill('controller');
  const restarted = await until(
    clock,
    { what: 'the controller of east', timeoutMs: CONTROLLER_TIMEOUT_MS },
    async () => {
      if ((await east.pid('controller')) === before) return undefined;
      const own = (await east.gateways()).find(({ spec }) => spec.cluster === 'east');
      return own?.status.programmed?.connected === true && own.status.programmed.pending === 0 ? true : undefined;
    },
  );
  const clusters = await east.clusters();
  const dark = await countFrom(context, fromMs, DARK_AFTER_START_MS);
  context.progress('the store is back');
  await lab.healStore();
  await untilAllLive(context);
  const counted = await countUntilNow(context, fromMs);
  const kept = clusters.filter(({ status }) => !status.self && status.serving && status.services > 0).length;
  return counted.result(
    { name: 'store-outage', title: 'the store is away, a controller is killed' },
    {
      promises: [
        noneFailed('HTTP', counted.http),
        noneFailed('TCP', counted.tcp),
        {
          promise: 'the restarted controller serves its last good state without the store',
          held: restarted && kept === 2,
          found: `${kept} of 2 other sites known, ${dark.http.requests} requests meanwhile`,
        },
      ],
    },
  );
}

async function untilAllLive(context: PhaseContext): Promise<void> {
  const { sites, clock } = context.federation;
  await until(clock, { what: 'all sites live again', timeoutMs: CONTROLLER_TIMEOUT_MS }, async () => {
    for (const site of sites) {
      const peers = (await site.clusters()).filter(({ status }) => !status.self);
      if (!peers.every(({ status }) => status.liveness === 'Live')) return undefined;
    }
    return true;
  });
}
