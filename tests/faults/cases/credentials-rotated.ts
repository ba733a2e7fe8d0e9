import { CLUSTERS } from '../clusterset.ts';
import { kept } from '../kept.ts';
import { untilCounted, untilMetric } from '../looks.ts';
import { storeCase } from '../store-case.ts';
import { sha256 } from '../logins.ts';

export const credentialsRotated = storeCase({
  name: 'credentials-rotated',
  row: 'credentials rotated: a clear error, last good kept, the new secret is taken without a restart',
  layouts: ['alone', 'sentinel', 'cluster'],
  alert: 'isthmus_store_auth_failed_total',
  inject: async ({ servers }) => {
    for (const server of servers.servers) {
      for (const cluster of CLUSTERS) {
        await server.cli('ACL', 'SETUSER', cluster, 'resetpass', `#${sha256(`second-of-${cluster}`)}`);
        await server.cli('CLIENT', 'KILL', 'USER', cluster);
      }
    }
  },
  expect: ({ federation }) =>
    kept(federation, async () => {
      await untilMetric(federation.sites, 'isthmus_store_up', (value) => value === 0);
      await untilCounted(federation.sites, 'isthmus_store_auth_failed_total');
    }),
  heal: async ({ servers }) => {
    for (const cluster of CLUSTERS) await servers.logins.give(cluster, `second-of-${cluster}`);
  },
});
