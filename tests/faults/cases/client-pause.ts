import { setTimeout as sleep } from 'node:timers/promises';
import { kept } from '../kept.ts';
import { storeUp } from '../looks.ts';
import { storeCase } from '../store-case.ts';

const PAUSED_MS = 12_000;

export const clientPause = storeCase({
  name: 'client-pause',
  row: 'store hangs (CLIENT PAUSE): it accepts commands and answers none',
  layouts: ['alone'],
  alert: 'isthmus_store_up',
  inject: async ({ servers }) => {
    for (const master of await servers.masters()) await master.cli('CLIENT', 'PAUSE', PAUSED_MS, 'ALL');
  },
  expect: async ({ federation }) => {
    await storeUp(federation, 0);
    await kept(federation, () => sleep(PAUSED_MS / 2));
  },
});
