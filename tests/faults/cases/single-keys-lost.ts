import { WEST } from '../clusterset.ts';
import { keys } from '../deployment.ts';
import { kept } from '../kept.ts';
import { storeCase } from '../store-case.ts';
import { untilStored } from '../wipe.ts';

const LOST = [keys.head(WEST), keys.records(WEST), keys.log(WEST), keys.clusters, keys.roster];

export const singleKeysLost = storeCase({
  name: 'single-keys-lost',
  row: 'eviction of keys (each of ours alone): whatever is left is no mixed state, and what was lost comes back',
  layouts: ['alone', 'cluster'],
  inject: async () => undefined,
  expect: ({ federation, servers }) =>
    kept(federation, async () => {
      for (const key of LOST) {
        await (await servers.ownerOf(key)).cli('DEL', key);
        await federation.change(federation.west);
        await federation.untilEqual();
        await untilStored(servers, 60_000);
      }
    }),
});
