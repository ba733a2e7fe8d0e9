import { kept } from '../kept.ts';
import { storeCase } from '../store-case.ts';

export const transactionsNotReplayed = storeCase({
  name: 'transactions-not-replayed',
  row: 'store restarted, heads kept and records lost (Redis 7.0: default user without rights): found out and mended at once',
  layouts: ['alone'],
  servers: { config: ['appendonly yes'], defaultUser: 'without-rights' },
  inject: async ({ federation, servers }) => {
    // A beat is one command and is replayed: the newest head is there, over nothing.
    await federation.clock.sleep(3_500);
    await servers.killAll();
    await servers.startAll();
  },
  expect: ({ federation }) =>
    kept(federation, async () => {
      for (const site of federation.sites) await federation.change(site);
      await federation.untilEqual();
    }),
});
