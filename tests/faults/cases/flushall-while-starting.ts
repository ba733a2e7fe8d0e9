import { WEST } from '../clusterset.ts';
import { expect } from '../eventually.ts';
import { kept } from '../kept.ts';
import { storeCase } from '../store-case.ts';
import { wipe } from '../wipe.ts';

export const flushallWhileStarting = storeCase({
  name: 'flushall-while-starting',
  row: 'FLUSHALL while a reader starts: it serves what its disk has, an empty store takes nothing of it',
  layouts: ['alone', 'cluster'],
  inject: async ({ federation, servers }) => {
    await federation.east.stop();
    await wipe(servers);
    await Promise.all([federation.east.start(), wipe(servers)]);
  },
  expect: async ({ federation }) => {
    expect('east started without west', (federation.east.sees.get(WEST) ?? 0) > 0);
    await kept(federation, () => federation.untilEqual());
  },
});
