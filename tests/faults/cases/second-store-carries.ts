import { kept } from '../kept.ts';
import { storeUp, untilMetric } from '../looks.ts';
import { storeCase } from '../store-case.ts';

export const secondStoreCarries = storeCase({
  name: 'second-store-carries',
  row: 'one of two stores killed: news travels by the other one as if nothing had happened',
  layouts: ['alone', 'cluster'],
  stores: 2,
  alert: 'isthmus_store_link_up',
  inject: ({ servers }) => servers.killAll(),
  expect: ({ federation }) =>
    kept(federation, async () => {
      for (let news = 0; news < 3; news += 1) {
        for (const site of federation.sites) await federation.change(site);
        await federation.untilEqual();
      }
      // One of the two: the sum over both.
      await untilMetric(federation.sites, 'isthmus_store_link_up', (up) => up === 1);
    }),
  heal: ({ servers }) => servers.startAll(),
  after: ({ federation }) => storeUp(federation, 1),
});
