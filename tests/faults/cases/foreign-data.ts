import { EDGE, WEST } from '../clusterset.ts';
import { keys } from '../deployment.ts';
import { eventually, expect } from '../eventually.ts';
import { kept } from '../kept.ts';
import { untilCounted } from '../looks.ts';
import { storeCase } from '../store-case.ts';

const FOREIGN = [
  [keys.head(WEST), 'nonsense\n\n'],
  [keys.records(WEST), 'a string'],
  [keys.log(WEST), 'a string'],
] as const;

export const foreignData = storeCase({
  name: 'foreign-data',
  row: 'other data under our prefix: it is not overwritten, the cluster whose place it takes waits, the others travel on',
  layouts: ['alone', 'cluster'],
  alert: 'isthmus_publish_failures_total',
  inject: async ({ servers }) => {
    for (const [key, content] of FOREIGN) await (await servers.ownerOf(key)).cli('SET', key, content);
  },
  expect: ({ federation, servers }) =>
    kept(federation, async () => {
      const { east, west, edge } = federation;
      await federation.change(west);
      const news = await federation.change(edge);
      await eventually('east to see news of edge', 5_000, () => (east.sees.get(EDGE) === news ? [] : ['it does not']));
      await untilCounted([west], 'isthmus_publish_failures_total');
      for (const [key, content] of FOREIGN) {
        expect(`${key} was overwritten`, (await (await servers.ownerOf(key)).cli('GET', key)) === content);
      }
    }),
  heal: async ({ servers }) => {
    for (const [key] of FOREIGN) await (await servers.ownerOf(key)).cli('DEL', key);
  },
});
