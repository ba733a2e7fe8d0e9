import { WEST } from '../clusterset.ts';
import { kept } from '../kept.ts';
import { untilCounted } from '../looks.ts';
import { storeCase } from '../store-case.ts';

export const userDeleted = storeCase({
  name: 'user-deleted',
  row: 'credentials revoked (ACL DELUSER): only that cluster is cut off, and keeps what it has',
  layouts: ['alone', 'cluster'],
  alert: 'isthmus_store_auth_failed_total',
  inject: async ({ servers }) => {
    for (const server of servers.servers) await server.cli('ACL', 'DELUSER', WEST);
  },
  expect: ({ federation }) =>
    kept(federation, async () => {
      await untilCounted([federation.west], 'isthmus_store_auth_failed_total');
    }),
  heal: async ({ servers }) => {
    for (const server of servers.servers) await server.cli('ACL', 'LOAD');
  },
});
