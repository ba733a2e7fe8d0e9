import { storeCase } from '../store-case.ts';

export const orderlyFailover = storeCase({
  name: 'orderly-failover',
  row: 'READONLY replica answer: after a change of roles writes go to the new primary',
  layouts: ['sentinel'],
  inject: async ({ servers }) => servers.sentinels?.failover(),
  expect: async ({ federation }) => {
    for (const site of federation.sites) await federation.change(site);
    await federation.untilEqual();
  },
});
