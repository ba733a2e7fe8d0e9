import { eventually } from '../eventually.ts';
import { WEST } from '../clusterset.ts';
import { keys } from '../deployment.ts';
import { kept } from '../kept.ts';
import { storeCase } from '../store-case.ts';

const PROMOTED_WITHIN_MS = 30_000;

export const masterReplaced = storeCase({
  name: 'master-replaced',
  row: 'failover in a cluster: a master is killed, its replica takes its slots, writers and readers follow',
  layouts: ['cluster'],
  servers: { config: ['appendonly yes'], replicas: 1 },
  inject: async ({ servers, federation }) => {
    const old = await servers.ownerOf(keys.head(WEST));
    await old.kill();
    await kept(federation, () =>
      eventually('the replica to take over', PROMOTED_WITHIN_MS, async () => {
        const owner = await servers.ownerOf(keys.head(WEST));
        return owner === old ? ['the dead master is still named'] : [];
      }),
    );
    await servers.untilUsable();
  },
  expect: ({ federation }) =>
    kept(federation, async () => {
      for (const site of federation.sites) await federation.change(site);
      await federation.untilEqual();
    }),
  heal: async ({ servers }) => {
    for (const server of servers.servers) if (!server.running) await server.start();
    await servers.untilUsable();
  },
});
