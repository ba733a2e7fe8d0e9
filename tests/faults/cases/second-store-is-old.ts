import { kept } from '../kept.ts';
import { untilCounted } from '../looks.ts';
import { storeCase } from '../store-case.ts';
import { untilStored, wipe } from '../wipe.ts';

export const secondStoreIsOld = storeCase({
  name: 'second-store-is-old',
  row: 'one of two stores emptied: the newest valid head wins, and the empty one is filled again',
  layouts: ['alone'],
  stores: 2,
  alert: 'isthmus_store_rollback_detected_total',
  inject: async ({ servers }) => wipe(servers),
  expect: ({ federation, servers }) =>
    kept(federation, async () => {
      await untilStored(servers, 30_000);
      await untilCounted(federation.sites, 'isthmus_store_rollback_detected_total');
    }),
});
