import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { EAST } from '../clusterset.ts';
import { expect } from '../eventually.ts';
import { storeUp } from '../looks.ts';
import { storeCase } from '../store-case.ts';

/** Longer than any patience of a start. */
const DARK_MS = 8_000;

export const coldStartInTheDark = storeCase({
  name: 'cold-start-in-the-dark',
  row: 'store killed and a controller started without its disk: it pushes nothing instead of something empty',
  layouts: ['alone'],
  alert: 'isthmus_store_up',
  inject: async ({ federation, servers }) => {
    const { east, recorder } = federation;
    await servers.killAll();
    await east.stop();
    await rm(join(east.stateDir, 'last-good'), { recursive: true, force: true });
    recorder.record({ kind: 'diskLost', reader: EAST });
    await east.start();
  },
  expect: async ({ federation }) => {
    const { east } = federation;
    await storeUp(federation, 0);
    await sleep(DARK_MS);
    expect('east calls itself complete', !east.controller.firstSync.complete);
    expect(
      'east lists the checks of its state as good',
      east.status.checks.some(({ name, ok }) => name === 'state' && !ok),
    );
  },
  heal: ({ servers }) => servers.startAll(),
});
