import { linkOf } from '../links.ts';
import { storeCase } from '../store-case.ts';

export const halfOpen = storeCase({
  name: 'half-open',
  row: 'store hangs (half-open connections): what the network forgot is given up and dialled again',
  layouts: ['alone'],
  linked: 'every-site',
  inject: async ({ links, federation }) => {
    for (const { cluster } of federation.sites) linkOf(links, cluster).forget();
  },
  expect: async () => undefined,
});
