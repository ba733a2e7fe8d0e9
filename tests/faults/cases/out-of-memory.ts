import { kept } from '../kept.ts';
import { untilCounted } from '../looks.ts';
import { storeCase } from '../store-case.ts';

export const outOfMemory = storeCase({
  name: 'out-of-memory',
  row: 'store OOM (noeviction): the write error shows, reads go on, the write is made when there is room',
  layouts: ['alone', 'cluster'],
  alert: 'isthmus_store_write_errors_total',
  inject: async ({ servers }) => {
    for (const master of await servers.masters()) {
      await master.cli('CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
      await master.cli('CONFIG', 'SET', 'maxmemory', '1mb');
    }
  },
  expect: ({ federation }) =>
    kept(federation, async () => {
      for (const site of federation.sites) await federation.change(site);
      await untilCounted(federation.sites, 'isthmus_store_write_errors_total');
    }),
  heal: async ({ servers }) => {
    for (const master of await servers.masters()) await master.cli('CONFIG', 'SET', 'maxmemory', 0);
  },
});
