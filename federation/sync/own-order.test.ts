import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../../runtime/clock.ts';
import { verifyHead } from '../../trust/head-signature.ts';
import { parseClusterId } from '../model/ids.ts';
import { MemoryShelf, MemoryStore } from '../store/memory.ts';
import { ClustersetFixture, makeWriter, recordsOf, rim } from './clusterset.fixture.ts';
import { ownOrderInStore } from './own-order.ts';

const EAST = parseClusterId('east');
const WEST = parseClusterId('west');
const clusterset = new ClustersetFixture(['east', 'west']);
const roster = clusterset.roster(1);

async function published(): Promise<{ clock: ManualClock; shelf: MemoryShelf; store: MemoryStore }> {
  const clock = new ManualClock();
  const shelf = new MemoryShelf();
  const store = new MemoryStore({ clock }, { shelf });
  const writer = await makeWriter(clusterset, { ...rim(clock), store }, WEST, { epoch: 41 });
  writer.publish(recordsOf({ shop: 1 }), 'availability');
  await clock.advance(0);
  await writer.close();
  return { clock, shelf, store };
}

test('the epoch of the own head in the store is found, however long ago its signer expired', async () => {
  const { clock, store } = await published();
  await clock.advance(400 * 86_400_000);
  assert.equal((await ownOrderInStore({ store, clock, verifyHead }, { cluster: WEST, roster }))?.epoch, 41);
});

test('records that the store lost do not hide the epoch', async () => {
  const { clock, shelf, store } = await published();
  const stored = shelf.clusters.get(WEST);
  assert.ok(stored, 'west is stored');
  const records = new Map([...stored.records].filter(([key]) => key.startsWith('chain/')));
  shelf.clusters.set(WEST, { ...stored, records });
  assert.equal((await ownOrderInStore({ store, clock, verifyHead }, { cluster: WEST, roster }))?.epoch, 41);
});

test('a head that is not signed by the own controller names no epoch, and neither does an empty store', async () => {
  const { clock, shelf, store } = await published();
  const stored = shelf.clusters.get(WEST);
  assert.ok(stored, 'west is stored');
  const bytes = new TextEncoder().encode(new TextDecoder().decode(stored.head.bytes).replace('41', '99'));
  shelf.clusters.set(WEST, { ...stored, head: { ...stored.head, bytes } });
  assert.equal(await ownOrderInStore({ store, clock, verifyHead }, { cluster: WEST, roster }), undefined);
  shelf.clusters.set(EAST, stored);
  assert.equal(await ownOrderInStore({ store, clock, verifyHead }, { cluster: EAST, roster }), undefined);
  shelf.clusters.clear();
  assert.equal(await ownOrderInStore({ store, clock, verifyHead }, { cluster: WEST, roster }), undefined);
});
