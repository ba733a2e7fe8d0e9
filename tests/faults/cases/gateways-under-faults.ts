import { setTimeout as sleep } from 'node:timers/promises';
import { EAST, WEST } from '../clusterset.ts';
import { Deployment } from '../deployment.ts';
import { expect } from '../eventually.ts';
import { Gateways, REQUESTS_PER_SECOND } from '../gateways.ts';
import type { FaultCase, Stage } from '../suite.ts';
import { untilStored, wipe } from '../wipe.ts';

const DARK_MS = 6_000;
const REPUBLISHED_WITHIN_MS = 30_000;

/** The one case with real Envoys: what the others show of what gateways would get, this one shows of requests. */
export const gatewaysUnderFaults: FaultCase = {
  name: 'gateways-under-faults',
  row: `store killed, hung, emptied, and a controller killed meanwhile, under ${REQUESTS_PER_SECOND} requests a second: 0 fail`,
  layouts: ['alone', 'sentinel'],
  run: async (stage) => {
    const servers = await Deployment.start(stage);
    const gateways = await Gateways.start(stage, { storeOf: (cluster) => servers.urlOf(cluster) });
    await sleep(1_000);
    for (const fault of [killed, hung, emptied]) await fault(servers, gateways);
    await report(stage, gateways);
  },
};

async function killed(servers: Deployment, gateways: Gateways): Promise<void> {
  await servers.killAll();
  await sleep(DARK_MS / 2);
  // Started again by its supervisor, with nothing but its disk.
  await gateways.killController(EAST);
  await gateways.killController(WEST);
  await sleep(DARK_MS);
  await servers.startAll();
}

async function hung(servers: Deployment): Promise<void> {
  servers.pauseAll();
  await sleep(DARK_MS);
  servers.resumeAll();
  await servers.untilUsable();
}

async function emptied(servers: Deployment): Promise<void> {
  await wipe(servers);
  await untilStored(servers, REPUBLISHED_WITHIN_MS);
}

async function report(stage: Stage, gateways: Gateways): Promise<void> {
  const { ok, failed, detail } = await gateways.endLoad();
  stage.note(`${failed} of ${ok + failed} requests failed`);
  expect(`I1: ${failed} of ${ok + failed} requests failed: ${detail}`, failed === 0 && ok > REQUESTS_PER_SECOND);
}
