import { HARNESS_PASSWORD } from '../../redis/server-config.ts';
import { kept } from '../kept.ts';
import { untilCounted } from '../looks.ts';
import { storeCase } from '../store-case.ts';

export const failoverLostWrites = storeCase({
  name: 'failover-lost-writes',
  row: 'failover loses acknowledged writes: their writers publish again, no reader goes back',
  layouts: ['sentinel'],
  alert: 'isthmus_store_rollback_detected_total',
  inject: async ({ federation, servers }) => {
    const { sentinels } = servers;
    if (sentinels === undefined) throw new Error('no sentinels');
    const [primary, replica] = [await sentinels.primary(), await sentinels.replica()];
    // From here on the replica hears nothing of what the sites are told is stored.
    await replica.cli('CONFIG', 'SET', 'masterauth', 'wrong');
    await primary.cli('CLIENT', 'KILL', 'TYPE', 'replica');
    for (const site of federation.sites) await federation.change(site);
    await federation.untilEqual();
    await primary.kill();
    await sentinels.untilPrimary(replica);
    await replica.cli('CONFIG', 'SET', 'masterauth', HARNESS_PASSWORD);
  },
  expect: ({ federation }) =>
    kept(federation, () => untilCounted(federation.sites, 'isthmus_store_rollback_detected_total')),
});
