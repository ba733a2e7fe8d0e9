import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { InvalidInputError } from '../../runtime/errors.ts';
import {
  hasLogin,
  NoJoinStoreError,
  passwordInFile,
  reachedFromHere,
  strangeJoinStore,
  tokenStore,
} from './join-store.ts';

for (const [url, has] of [
  ['redis://redis.example.org:6379', false],
  ['redis://redis.example.org:6379/2?ca=/etc/ca.pem', false],
  ['redis://east:secret@redis.example.org', true],
  ['redis://east:a/b@c@redis.example.org', true],
  ['rediss://east@redis.example.org?password-file=/etc/p', true],
  ['redis+sentinel://h1:1,h2:2/main?user=east', true],
  ['valkeys://h?password-file=p', true],
  ['valkey+cluster://u@h1:1,h2:2', true],
  ['isthmus://203.0.113.7:15090?pin=sha256:ab', false],
  ['embedded:/var/lib/user@host/store.db', false],
] as const) {
  test(`${url} has ${has ? 'a' : 'no'} login in it`, () => assert.equal(hasLogin(url), has));
}

test("the token gets the address for joining, else the site's own when it has no login, else none", () => {
  const own = 'redis://east:secret@h';
  assert.equal(tokenStore({ own, join: 'redis://isthmus_join:x@h' }), 'redis://isthmus_join:x@h');
  assert.equal(tokenStore({ own: 'redis://h' }), 'redis://h');
  assert.equal(tokenStore({ own: 'isthmus://h:1?pin=sha256:ab' }), 'isthmus://h:1?pin=sha256:ab');
  assert.throws(() => tokenStore({ own }), NoJoinStoreError);
});

for (const [url, path, filled] of [
  ['redis://isthmus_join@h:6379?password-file=/etc/p', '/etc/p', 'redis://isthmus_join:a%2Fb%40c@h:6379'],
  ['redis://h?user=isthmus_join&password-file=p&ca=/c a.pem', 'p', 'redis://isthmus_join:a%2Fb%40c@h?ca=%2Fc%20a.pem'],
  ['rediss+sentinel://j@h1:1,h2:2/main?password-file=p', 'p', 'rediss+sentinel://j:a%2Fb%40c@h1:1,h2:2/main'],
] as const) {
  test(`the password of ${url} is put in the place of its file`, () => {
    const found = passwordInFile(url);
    assert.deepEqual([found?.path, found?.withPassword('a/b@c')], [path, filled]);
  });
}

test('an address without a password file is left as it is', () => {
  for (const url of ['redis://isthmus_join:x@h', 'isthmus://h:1?pin=sha256:ab', 'embedded:/p?password-file=x']) {
    assert.equal(passwordInFile(url), undefined);
  }
});

for (const url of [
  'redis://j:secret@h?password-file=p',
  'redis://h?password-file=p',
  'redis://%zz@h?password-file=p',
]) {
  test(`${url.replace('secret', '...')} is refused without repeating a secret`, () => {
    assert.throws(
      () => passwordInFile(url),
      (error) => error instanceof InvalidInputError && !JSON.stringify(error.findings).includes('secret'),
    );
  });
}

test('any password comes through the address as it is', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), (password) => {
      const url = passwordInFile('redis://j@h:1/0?password-file=p')?.withPassword(password) ?? '';
      assert.equal(decodeURIComponent(new URL(url).password), password);
    }),
    { numRuns: 200 },
  );
});

test("a joiner uses the token's login with its own files, and those of the token when it names none", () => {
  const token = 'rediss://j:x@h:6379?ca=/authority/ca.pem';
  assert.equal(reachedFromHere(token, []), token);
  assert.equal(reachedFromHere(token, ['rediss://west@h']), token);
  assert.equal(
    reachedFromHere(token, ['rediss://west@h?password-file=/p&ca=/here/ca.pem&cert=/here/c&key=/here/k']),
    'rediss://j:x@h:6379?ca=%2Fhere%2Fca.pem&cert=%2Fhere%2Fc&key=%2Fhere%2Fk',
  );
  assert.equal(reachedFromHere('isthmus://h:1?pin=a', ['rediss://west@h?ca=/x']), 'isthmus://h:1?pin=a');
});

test('while a clusterset moves, files of a store with TLS are not used for a token without, and those of the same server come first', () => {
  const [plain, old, next] = ['redis://west@old:1', 'rediss://west@old:1?ca=/old.pem', 'rediss://west@h:2?ca=/new.pem'];
  assert.equal(reachedFromHere('redis://j:x@old:1', [next]), 'redis://j:x@old:1');
  assert.equal(reachedFromHere('rediss://j:x@h:2?ca=/a', [plain, next]), 'rediss://j:x@h:2?ca=%2Fnew.pem');
  assert.equal(reachedFromHere('rediss://j:x@h:2?ca=/a', [old, next]), 'rediss://j:x@h:2?ca=%2Fnew.pem');
});

test('a token that leads to no store of the authority is told, by hosts alone', () => {
  const listed = ['rediss://new:6380', 'redis+sentinel://s1:26379,s2:26379/main', 'isthmus://h:1'];
  for (const known of ['redis://j:x@new:6380?ca=/c', 'valkey+sentinel://j:x@s2/main', 'isthmus://elsewhere:1?pin=a']) {
    assert.equal(strangeJoinStore(known, listed), undefined);
  }
  const told = strangeJoinStore('redis://isthmus_join:TOPSECRET@old?ca=/c', listed) ?? '';
  assert.match(told, /leads to old:6379, .*rediss:\/\/new:6380/);
  assert.doesNotMatch(told, /TOPSECRET/);
});
