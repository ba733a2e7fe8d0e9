import { eventually } from '../eventually.ts';
import { kept } from '../kept.ts';
import { untilCounted } from '../looks.ts';
import { storeCase } from '../store-case.ts';

/** Nobody can make a file there, root neither. */
const UNWRITABLE = '/proc';

export const bgsaveFailed = storeCase({
  name: 'bgsave-failed',
  row: 'store cannot save (MISCONF): the write error shows, reads go on, the write is made when saving works again',
  layouts: ['alone'],
  servers: { config: ['save 3600 1', 'enable-protected-configs yes'] },
  alert: 'isthmus_store_write_errors_total',
  inject: async ({ servers }) => {
    const primary = await servers.primary();
    await primary.cli('CONFIG', 'SET', 'dir', UNWRITABLE);
    await primary.cli('BGSAVE');
    await eventually('the background save to fail', 5_000, async () => {
      const status = await primary.info('persistence', 'rdb_last_bgsave_status');
      return status === 'err' ? [] : [`it is ${status ?? 'unknown'}`];
    });
  },
  expect: ({ federation }) =>
    kept(federation, async () => {
      for (const site of federation.sites) await federation.change(site);
      await untilCounted(federation.sites, 'isthmus_store_write_errors_total');
    }),
  heal: async ({ servers }) => {
    const primary = await servers.primary();
    await primary.cli('CONFIG', 'SET', 'dir', primary.directory);
    await primary.cli('BGSAVE');
  },
});
