import { kept } from '../kept.ts';
import { untilMetric } from '../looks.ts';
import { storeCase } from '../store-case.ts';
import { wipe } from '../wipe.ts';

const PAUSED_MS = 8_000;

export const emptyWhileNobodyWrites = storeCase({
  name: 'empty-while-nobody-writes',
  row: 'empty store: unknown is not empty, seen while no writer can mend it',
  layouts: ['alone', 'cluster'],
  alert: 'isthmus_store_empty',
  inject: async ({ servers }) => {
    await wipe(servers);
    for (const master of await servers.masters()) await master.cli('CLIENT', 'PAUSE', PAUSED_MS, 'WRITE');
  },
  expect: ({ federation }) =>
    kept(federation, () => untilMetric(federation.sites, 'isthmus_store_empty', (value) => value === 1)),
  after: ({ federation }) => untilMetric(federation.sites, 'isthmus_store_empty', (value) => value === 0),
});
