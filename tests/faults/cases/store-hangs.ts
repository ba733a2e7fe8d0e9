import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from '../eventually.ts';
import { kept } from '../kept.ts';
import { LoopLag } from '../loop-lag.ts';
import { storeUp } from '../looks.ts';
import { storeCase } from '../store-case.ts';

/** Longer than every time-out of a command, and than a head may be old. */
const HANGS_MS = 12_000;

/** Three controllers share this loop, on a machine that others use too. */
const LAG_MAX_MS = 1_000;

export const storeHangs = storeCase({
  name: 'store-hangs',
  row: 'store hangs (SIGSTOP): as when it is killed, and no command holds up anything else',
  layouts: ['alone', 'cluster', 'tls'],
  alert: 'isthmus_store_up',
  inject: async ({ servers }) => servers.pauseAll(),
  expect: async ({ federation, stage }) => {
    const lag = LoopLag.start();
    await storeUp(federation, 0);
    await kept(federation, () => sleep(HANGS_MS));
    const lagMs = lag.stop();
    stage.note(`event loop late by ${Math.round(lagMs)} ms at most`);
    expect(`the event loop stood still for ${lagMs} ms`, lagMs < LAG_MAX_MS);
  },
  heal: async ({ servers }) => {
    servers.resumeAll();
    await servers.untilUsable();
  },
  after: ({ federation }) => storeUp(federation, 1),
});
