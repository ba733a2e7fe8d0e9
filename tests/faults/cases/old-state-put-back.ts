import { dumpCluster, restoreCluster } from '../backup.ts';
import { WEST } from '../clusterset.ts';
import { kept } from '../kept.ts';
import { untilCounted } from '../looks.ts';
import { storeCase } from '../store-case.ts';

export const oldStatePutBack = storeCase({
  name: 'old-state-put-back',
  row: 'stale replay of a validly signed old state: refused by its order, its writer publishes again',
  layouts: ['alone', 'cluster'],
  alert: 'isthmus_store_rollback_detected_total',
  inject: async ({ federation, servers }) => {
    const old = await dumpCluster(servers, WEST);
    for (let news = 0; news < 5; news += 1) await federation.change(federation.west);
    await federation.untilEqual();
    await restoreCluster(servers, old);
  },
  expect: ({ federation }) =>
    kept(federation, () => untilCounted([federation.west], 'isthmus_store_rollback_detected_total')),
});
