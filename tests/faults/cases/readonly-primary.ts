import { expect } from '../eventually.ts';
import { kept } from '../kept.ts';
import { untilCounted } from '../looks.ts';
import { storeCase } from '../store-case.ts';

export const readonlyPrimary = storeCase({
  name: 'readonly-primary',
  row: 'READONLY replica answer (REPLICAOF while connected): reads go on, writes wait and are made when it is over',
  layouts: ['pair'],
  alert: 'isthmus_store_readonly_total',
  inject: async ({ servers }) => {
    const [primary, replica] = servers.servers;
    if (primary === undefined || replica === undefined) throw new Error('no pair');
    await replica.cli('REPLICAOF', 'NO', 'ONE');
    await primary.cli('REPLICAOF', replica.host, replica.port);
  },
  expect: ({ federation }) =>
    kept(federation, async () => {
      for (const site of federation.sites) await federation.change(site);
      await untilCounted(federation.sites, 'isthmus_store_readonly_total');
      expect('a write reached a read-only server', federation.differences().length > 0);
    }),
  heal: async ({ servers }) => {
    const [primary, replica] = servers.servers;
    await primary?.cli('REPLICAOF', 'NO', 'ONE');
    await replica?.cli('REPLICAOF', primary?.host ?? '', primary?.port ?? 0);
  },
});
