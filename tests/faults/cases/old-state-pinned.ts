import { WEST } from '../clusterset.ts';
import { dumpCluster, restoreCluster } from '../backup.ts';
import { eventually, expect } from '../eventually.ts';
import { kept } from '../kept.ts';
import { SHOWN_WITHIN_MS, untilMetric } from '../looks.ts';
import { storeCase } from '../store-case.ts';

const STALE_WITHIN_MS = 15_000;

export const oldStatePinned = storeCase({
  name: 'old-state-pinned',
  row: 'stale replay of a validly signed old state, its writer away: refused as a rollback, and stale by our own clock',
  layouts: ['alone', 'cluster'],
  alert: 'isthmus_record_rejected_total',
  inject: async ({ federation, servers }) => {
    const old = await dumpCluster(servers, WEST);
    for (let news = 0; news < 3; news += 1) await federation.change(federation.west);
    await federation.untilEqual();
    await federation.west.stop();
    await restoreCluster(servers, old);
  },
  expect: ({ federation }) =>
    kept(federation, async () => {
      const { east, edge, west } = federation;
      const rejected = { cluster: WEST, reason: 'Rollback' };
      await untilMetric([east, edge], 'isthmus_record_rejected_total', (count) => count > 0, SHOWN_WITHIN_MS, rejected);
      await eventually('status to name west', SHOWN_WITHIN_MS, () =>
        [east, edge]
          .filter(({ status }) => !status.findings.some(({ message }) => message.startsWith(`${WEST}:`)))
          .map(({ cluster }) => `${cluster} does not`),
      );
      await eventually('west to be called stale', STALE_WITHIN_MS, () =>
        [east, edge].filter((site) => site.verdictOf(WEST) !== 'Stale').map(({ cluster }) => `${cluster} does not`),
      );
      for (const site of [east, edge]) {
        expect(`${site.cluster} believes the old state`, site.sees.get(WEST) === west.ready);
      }
    }),
  heal: ({ federation }) => federation.west.start(),
});
