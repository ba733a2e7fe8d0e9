import { linkOf } from '../links.ts';
import { storeCase } from '../store-case.ts';

const RESETS = 10;

export const connectionsReset = storeCase({
  name: 'connections-reset',
  row: 'partition (resets in the middle of anything): no state is mixed, lost or written twice',
  layouts: ['alone'],
  linked: 'every-site',
  inject: async ({ links, federation }) => {
    for (let reset = 0; reset < RESETS; reset += 1) {
      for (const site of federation.sites) {
        await federation.change(site);
        linkOf(links, site.cluster).reset();
      }
      await federation.clock.sleep(200);
    }
  },
  expect: async () => undefined,
});
