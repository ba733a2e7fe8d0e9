import { EAST, EDGE, WEST } from '../clusterset.ts';
import { eventually, expect } from '../eventually.ts';
import { kept } from '../kept.ts';
import { linkOf } from '../links.ts';
import { untilMetric } from '../looks.ts';
import { storeCase } from '../store-case.ts';

/** Three missed beats, and a poll to notice. */
const STALE_WITHIN_MS = 15_000;

export const partitionOfOne = storeCase({
  name: 'partition-of-one',
  row: 'partition of one cluster from the store (silent wire): it serves last good, the others call it stale and keep it',
  layouts: ['alone'],
  linked: 'every-site',
  alert: 'isthmus_remote_staleness_seconds',
  inject: async ({ links }) => linkOf(links, WEST).set('silent'),
  expect: ({ federation }) =>
    kept(federation, async () => {
      const { east, west, edge } = federation;
      await untilMetric([west], 'isthmus_store_up', (value) => value === 0);
      await eventually('east and edge to call west stale, and each other live', STALE_WITHIN_MS, () =>
        [east, edge].flatMap((site) => {
          const other = site === east ? EDGE : EAST;
          const verdicts = [site.verdictOf(WEST), site.verdictOf(other)];
          return verdicts.join() === 'Stale,Live' ? [] : [`${site.cluster} says ${verdicts.join()}`];
        }),
      );
      await untilMetric([east, edge], 'isthmus_remote_staleness_seconds', (age) => age > 9, STALE_WITHIN_MS, {
        cluster: WEST,
      });
      const news = await federation.change(edge);
      await eventually('east to see news of edge', 5_000, () => (east.sees.get(EDGE) === news ? [] : ['it does not']));
      expect('west is served no longer at east', (east.sees.get(WEST) ?? 0) > 0);
    }),
  heal: async ({ links }) => linkOf(links, WEST).set('flowing'),
});
