import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { displayStoreUrl } from './display-url.ts';

for (const [url, shown] of [
  ['embedded:/var/lib/isthmus/store.db', 'embedded:/var/lib/isthmus/store.db'],
  ['memory:lab', 'memory:lab'],
  ['isthmus://203.0.113.7:15090?pin=sha256:ab&claim=secret', 'isthmus://203.0.113.7:15090'],
  ['redis://west:secret@redis.example.org:6379/2?password-file=/etc/p', 'redis://redis.example.org:6379/2'],
  ['rediss://west:a@b/c?d@redis.example.org', 'rediss://[hidden]'],
  ['rediss://west:a@b/c@redis.example.org', 'rediss://redis.example.org'],
  ['redis+sentinel://u:secret@h1:1,h2:2/main?sentinel-user=x', 'redis+sentinel://h1:1,h2:2/main'],
  ['secret', '[hidden]'],
  ['redis:secret', 'redis:[hidden]'],
  ['redis://h\u001b[2J\n', 'redis://h [2J '],
] as const) {
  test(`a store URL is shown as ${shown}`, () => assert.equal(displayStoreUrl(url), shown));
}

test('no password is ever shown, whatever else is in the URL', () => {
  const part = fc.stringMatching(/^[a-z0-9.:,/@?#-]{0,20}$/);
  fc.assert(
    fc.property(part, part, part, (before, after, query) => {
      const url = `redis://u:${before}SECRET${after}@host:1/0?password=SECRET${query}`;
      assert.doesNotMatch(displayStoreUrl(url), /SECRET/);
    }),
    { numRuns: 200 },
  );
});
