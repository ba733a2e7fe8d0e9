import { WEST } from '../clusterset.ts';
import { kept } from '../kept.ts';
import { linkOf } from '../links.ts';
import { untilMetric } from '../looks.ts';
import { storeCase } from '../store-case.ts';

export const slowDrip = storeCase({
  name: 'slow-drip',
  row: 'endless data and slow drip (20 bytes a second): the time budget ends it, last good stays',
  layouts: ['alone'],
  linked: 'every-site',
  alert: 'isthmus_store_up',
  inject: async ({ links }) => linkOf(links, WEST).slowTo(20),
  expect: ({ federation }) =>
    kept(federation, () => untilMetric([federation.west], 'isthmus_store_up', (value) => value === 0, 20_000)),
  heal: async ({ links }) => {
    linkOf(links, WEST).slowTo(undefined);
    linkOf(links, WEST).reset();
  },
});
