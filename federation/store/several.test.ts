import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../../runtime/clock.ts';
import { MemoryShelf, MemoryStore } from './memory.ts';
import { bareStoreUrl, listStores, storeNames } from './several.ts';

test('a store alone is a list of one', () => {
  const store = new MemoryStore({ clock: new ManualClock() }, { shelf: new MemoryShelf() });
  assert.deepEqual(
    listStores(store).map((listed) => listed.store),
    [store],
  );
});

for (const [url, bare] of [
  ['embedded:/var/lib/isthmus/store.db', 'embedded:/var/lib/isthmus/store.db'],
  ['isthmus://203.0.113.7:15090?pin=sha256:ab&claim=SECRET', 'isthmus://203.0.113.7:15090'],
  ['redis://west:SECRET@10.0.0.7:6379/2', 'redis://10.0.0.7:6379/2'],
  ['rediss://:SEC@RET@10.0.0.7?password-file=/secret', 'rediss://10.0.0.7'],
  ['redis+sentinel://a:1,b:2/main?sentinel-user=x', 'redis+sentinel://a:1,b:2/main'],
  ['valkey+cluster://west:SEC/RET@a:1,b:2', 'valkey+cluster://a:1,b:2'],
] as const) {
  test(`${bare} is listed without what logs in there`, () => {
    assert.equal(bareStoreUrl(url), bare);
  });
}

test('two logins to one place are still told apart', () => {
  assert.deepEqual(storeNames(['redis://a@h:1', 'redis://b@h:1', 'redis://h:2']), [
    'redis://h:1',
    'redis://h:1#2',
    'redis://h:2',
  ]);
});
