import { storeCase } from '../store-case.ts';

const KILLS = 20;

export const subscribersKilled = storeCase({
  name: 'subscribers-killed',
  row: 'pub/sub dead (CLIENT KILL TYPE pubsub, again and again): subscribed again, nothing lost',
  layouts: ['alone', 'sentinel', 'cluster'],
  inject: async ({ federation, servers }) => {
    for (let kill = 0; kill < KILLS; kill += 1) {
      for (const server of servers.servers) await server.cli('CLIENT', 'KILL', 'TYPE', 'pubsub');
      for (const site of federation.sites) await federation.change(site);
      await federation.clock.sleep(100);
    }
  },
  expect: async ({ federation }) => {
    await federation.untilEqual();
  },
});
