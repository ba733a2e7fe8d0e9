import { CLUSTERS } from '../clusterset.ts';
import { expect } from '../eventually.ts';
import { kept } from '../kept.ts';
import { untilCounted } from '../looks.ts';
import { storeCase } from '../store-case.ts';

export const channelDenied = storeCase({
  name: 'channel-denied',
  row: 'credentials changed (the right to the channel taken): nothing is written by halves, the refusal shows',
  layouts: ['alone', 'cluster'],
  alert: 'isthmus_store_auth_failed_total',
  inject: async ({ servers }) => {
    for (const server of servers.servers) {
      for (const cluster of CLUSTERS) await server.cli('ACL', 'SETUSER', cluster, 'resetchannels');
    }
  },
  expect: ({ federation }) =>
    kept(federation, async () => {
      for (const site of federation.sites) await federation.change(site);
      await untilCounted(federation.sites, 'isthmus_store_auth_failed_total');
      expect('a site made news that it could not announce', federation.differences().length > 0);
    }),
  heal: async ({ servers }) => {
    for (const server of servers.servers) await server.cli('ACL', 'LOAD');
  },
});
