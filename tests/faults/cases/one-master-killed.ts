import { WEST } from '../clusterset.ts';
import { keys } from '../deployment.ts';
import { kept } from '../kept.ts';
import { storeCase } from '../store-case.ts';

export const oneMasterKilled = storeCase({
  name: 'one-master-killed',
  row: 'one master of three killed: the clusters on the others travel on, nobody is removed',
  layouts: ['cluster'],
  servers: { config: ['appendonly yes', 'cluster-require-full-coverage no'] },
  inject: async ({ servers }) => {
    await (await servers.ownerOf(keys.head(WEST))).kill();
  },
  expect: ({ federation }) => kept(federation, () => federation.clock.sleep(8_000)),
  heal: async ({ servers }) => {
    for (const server of servers.servers) if (!server.running) await server.start();
    await servers.untilUsable();
  },
});
