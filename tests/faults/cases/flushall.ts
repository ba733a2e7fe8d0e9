import { kept } from '../kept.ts';
import { untilCounted } from '../looks.ts';
import { storeCase } from '../store-case.ts';
import { untilStored, wipe } from '../wipe.ts';

/** FAULTS: all republish within this. */
const REPUBLISHED_WITHIN_MS = 30_000;

export const flushall = storeCase({
  name: 'flushall',
  row: 'FLUSHALL: nobody removes anything, everybody and the authority publish again within 30 s',
  layouts: ['alone', 'sentinel', 'cluster'],
  alert: 'isthmus_store_rollback_detected_total',
  inject: ({ servers }) => wipe(servers),
  expect: async ({ federation, servers, stage }) => {
    const beganMs = federation.clock.monotonicMs();
    await kept(federation, () => untilStored(servers, REPUBLISHED_WITHIN_MS));
    stage.note(`all stored again after ${((federation.clock.monotonicMs() - beganMs) / 1000).toFixed(1)} s`);
    await untilCounted(federation.sites, 'isthmus_store_rollback_detected_total');
  },
});
