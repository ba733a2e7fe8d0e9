import { WEST } from '../clusterset.ts';
import { keys } from '../deployment.ts';
import { storeCase } from '../store-case.ts';

const ROUNDS = 3;

export const slotMoves = storeCase({
  name: 'slot-moves',
  row: 'a slot moves to another master (MOVED, ASK) under writes: readers and writer follow',
  layouts: ['cluster'],
  inject: async ({ servers, federation }) => {
    const { cluster } = servers;
    if (cluster === undefined) throw new Error('no cluster');
    for (const key of [keys.head(WEST), keys.roster]) {
      const slot = await cluster.slotOf(key);
      for (let round = 0; round < ROUNDS; round += 1) {
        const from = await cluster.ownerOf(key);
        const to = cluster.masters.find((master) => master !== from);
        if (to === undefined) throw new Error('no other master');
        await cluster.beginMove(slot, from, to);
        await federation.change(federation.west);
        await federation.clock.sleep(300);
        await cluster.moveSlot(slot, from, to);
        await federation.change(federation.west);
      }
    }
  },
  expect: async ({ federation }) => {
    await federation.untilEqual();
  },
});
