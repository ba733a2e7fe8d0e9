import { EDGE, WEST } from '../clusterset.ts';
import { expect } from '../eventually.ts';
import { storeUp } from '../looks.ts';
import { storeCase } from '../store-case.ts';

/** DESIGN, section 1: a dead dependency adds nothing to a start; this allows for the work of a start itself. */
const START_WITHIN_MS = 2_000;

export const restartInTheDark = storeCase({
  name: 'restart-in-the-dark',
  row: 'store killed and the controller restarted: it serves its last good from disk at once',
  layouts: ['alone', 'sentinel', 'cluster'],
  alert: 'isthmus_store_up',
  inject: async ({ federation, servers }) => {
    await servers.killAll();
    await federation.east.stop();
  },
  expect: async ({ federation, stage }) => {
    const { east, clock } = federation;
    const beganMs = clock.monotonicMs();
    await east.start();
    const startedMs = clock.monotonicMs() - beganMs;
    stage.note(`started in ${Math.round(startedMs)} ms`);
    expect(`the start took ${Math.round(startedMs)} ms`, startedMs <= START_WITHIN_MS);
    expect('east is not ready', east.controller.firstSync.complete);
    for (const peer of [WEST, EDGE]) expect(`east lost ${peer}`, (east.sees.get(peer) ?? 0) > 0);
    await storeUp(federation, 0);
  },
  heal: ({ servers }) => servers.startAll(),
});
