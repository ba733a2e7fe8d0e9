import assert from 'node:assert/strict';
import { test } from 'node:test';
import { resolveStorePaths } from './store-paths.ts';

for (const [url, resolved] of [
  ['embedded:store.db', 'embedded:/site/store.db'],
  ['memory:lab', 'memory:lab'],
  ['isthmus://h:1?pin=sha256:ab', 'isthmus://h:1?pin=sha256:ab'],
  ['redis://h', 'redis://h'],
  ['redis://west@h?password-file=/etc/p', 'redis://west@h?password-file=/etc/p'],
  [
    'rediss://west@h?password-file=a%20b&ca=ca.pem&x=y',
    'rediss://west@h?password-file=%2Fsite%2Fa%20b&ca=%2Fsite%2Fca.pem&x=y',
  ],
  [
    'redis+sentinel://h1:1,h2:2/m?sentinel-password-file=s',
    'redis+sentinel://h1:1,h2:2/m?sentinel-password-file=%2Fsite%2Fs',
  ],
  ['valkey://h?key=%zz&cert=', 'valkey://h?key=%zz&cert='],
] as const) {
  test(`${url} becomes ${resolved}`, () =>
    assert.equal(
      resolveStorePaths(url, (path) => `/site/${path}`),
      resolved,
    ));
}
