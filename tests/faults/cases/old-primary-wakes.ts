import { kept } from '../kept.ts';
import { storeCase } from '../store-case.ts';

export const oldPrimaryWakes = storeCase({
  name: 'old-primary-wakes',
  row: 'the primary is paused, another is promoted, the old one wakes up: no reader goes back',
  layouts: ['sentinel'],
  inject: async ({ servers, federation }) => {
    const { sentinels } = servers;
    if (sentinels === undefined) throw new Error('no sentinels');
    const [old, next] = [await sentinels.primary(), await sentinels.replica()];
    old.pause();
    await kept(federation, () => sentinels.untilPrimary(next));
    for (const site of federation.sites) await federation.change(site);
    await federation.untilEqual(20_000);
    old.resume();
  },
  expect: async () => undefined,
});
