import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { InvalidInputError } from '../../../runtime/errors.ts';
import { isRedisUrl, parseRedisAddress } from './address.ts';

const NOTHING = {
  login: { user: undefined, password: undefined, passwordFile: undefined },
  sentinelLogin: { user: undefined, passwordFile: undefined },
  tls: { ca: undefined, cert: undefined, key: undefined },
  serverName: undefined,
  masterName: undefined,
  database: 0,
  isTls: false,
};

test('a host alone is a whole address', () => {
  for (const scheme of ['redis', 'valkey']) {
    assert.deepEqual(parseRedisAddress(`${scheme}://store.example`), {
      ...NOTHING,
      mode: 'standalone',
      places: [{ host: 'store.example', port: 6_379 }],
    });
  }
});

test('user, password, port and database stand where every Redis URL has them', () => {
  const address = parseRedisAddress('redis://west:p%40ss%2Fword@10.0.0.1:7000/3');
  assert.deepEqual(address.login, { user: 'west', password: 'p@ss/word', passwordFile: undefined });
  assert.deepEqual([address.places, address.database], [[{ host: '10.0.0.1', port: 7_000 }], 3]);
  assert.equal(parseRedisAddress('redis://:secret@[::1]:1').login.password, 'secret');
  assert.equal(parseRedisAddress('redis://:secret@[::1]:1').places[0]?.host, '::1');
});

test('files, names and logins stand in the query', () => {
  const url = 'rediss://h.example?user=west&password-file=/p&ca=/ca&cert=/c&key=/k&server-name=n.example';
  const { login, tls, serverName, isTls } = parseRedisAddress(url);
  assert.deepEqual(login, { user: 'west', password: undefined, passwordFile: '/p' });
  assert.deepEqual([tls, serverName, isTls], [{ ca: '/ca', cert: '/c', key: '/k' }, 'n.example', true]);
});

test('several Sentinels and the name of the primary, several nodes of a cluster', () => {
  const sentinel = parseRedisAddress('redis+sentinel://a:1,b,c:3/main?sentinel-user=s&sentinel-password-file=/s');
  assert.deepEqual(
    sentinel.places.map(({ host, port }) => `${host}:${port}`),
    ['a:1', 'b:26379', 'c:3'],
  );
  assert.deepEqual([sentinel.masterName, sentinel.sentinelLogin], ['main', { user: 's', passwordFile: '/s' }]);
  const cluster = parseRedisAddress('valkeys+cluster://a:1,b:2');
  assert.deepEqual([cluster.mode, cluster.isTls, cluster.places.length], ['cluster', true, 2]);
});

const WRONG: Readonly<Record<string, string>> = {
  'redis://': 'host',
  'redis://h:0': 'host',
  'redis://h:65536': 'host',
  'redis://H': 'host',
  'redis://a,b': 'host',
  'redis:h': 'url',
  'redis+other://h': 'url',
  'redis://h#x': 'url',
  'redis://h/x': 'database',
  'redis+cluster://h/1': 'database',
  'redis+sentinel://h': 'master',
  'redis+sentinel://h/a%2Fb': 'master',
  'redis://%zz@h': 'user',
  'redis://u:%zz@h': 'password',
  'redis://u:p@h?user=v': 'user',
  'redis://u:p@h?password-file=/f': 'password-file',
  'redis://u@h': 'password-file',
  'redis://h?ca=/x': 'scheme',
  'rediss://h?cert=/x': 'cert',
  'rediss://h?server-name=_': 'server-name',
  'redis://h?timeout=3': 'timeout',
  'redis://h?user=a&user=b&password-file=/f': 'user',
  'rediss://h?ca=': 'ca',
  'redis://h?sentinel-user=x': 'sentinel-user',
};

for (const [url, field] of Object.entries(WRONG)) {
  test(`${url} is refused for its ${field}`, () => {
    assert.throws(
      () => parseRedisAddress(url),
      (error) => error instanceof InvalidInputError && error.findings.some((found) => found.field === field),
    );
  });
}

test('no text makes it fail otherwise than by findings, and none of them repeats a password', () => {
  const secret = 'S3cr3tW0rd';
  const around = fc.constantFrom('redis://', 'rediss+sentinel://', 'valkey+cluster://', 'redis:', '');
  const tail = fc.oneof(
    fc.string(),
    fc.constantFrom('@h', '@h:1/2', '@h?x=1', `@h?${secret}`, `@h?password=${secret}`),
  );
  fc.assert(
    fc.property(around, fc.string(), tail, (scheme, before, after) => {
      try {
        parseRedisAddress(`${scheme}${before}:${secret}${after}`);
      } catch (error) {
        assert.ok(error instanceof InvalidInputError);
        assert.ok(!JSON.stringify([error.message, error.findings]).includes(secret));
      }
    }),
    { numRuns: 300 },
  );
});

test('a URL is recognised by its scheme alone', () => {
  for (const url of ['redis://h', 'rediss+sentinel://h', 'valkeys+cluster://h', 'valkey:nonsense'])
    assert.ok(isRedisUrl(url));
  for (const url of ['isthmus://h', 'memory:redis', 'redis', 'redis+x://h']) assert.ok(!isRedisUrl(url));
});
