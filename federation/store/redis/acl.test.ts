import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { InvalidInputError } from '../../../runtime/errors.ts';
import { parseClusterId } from '../../model/ids.ts';
import { type AclInit, aclUsers } from './acl.ts';
import { formatAcl } from './acl-format.ts';

const EAST = parseClusterId('east');
const WEST = parseClusterId('west');
const INIT: AclInit = { clusterset: 'prod.example.org', clusters: [EAST, WEST], authority: EAST, sentinel: true };

/** `UPDATE_GOLDENS=1` writes them anew. */
async function assertGolden(name: string, actual: string): Promise<void> {
  const path = new URL(`testdata/${name}`, import.meta.url);
  if (process.env['UPDATE_GOLDENS'] === '1') await writeFile(path, actual);
  assert.equal(actual, await readFile(path, 'utf8'));
}

test('the rules of a clusterset are these, as commands and as an ACL file', async () => {
  const users = aclUsers(INIT);
  const hashes = new Map(users.map(({ name }, index) => [name, String(index).repeat(64)]));
  await assertGolden('acl.setuser', formatAcl(users, hashes, 'setuser'));
  await assertGolden('acl.aclfile', formatAcl(users, hashes, 'aclfile'));
});

test('a user whose password is unknown gets a word that no server takes for a hash', () => {
  const text = formatAcl(aclUsers(INIT), new Map(), 'setuser');
  for (const line of text.trim().split('\n')) {
    const [, hash = ''] = / #(\S+) /.exec(line) ?? [];
    assert.match(hash, /^SHA256-OF-THE-PASSWORD-OF-/);
  }
});

test('users are sorted, each cluster has one, and the join user comes with the authority only', () => {
  const of = (init: Partial<AclInit>) => aclUsers({ clusterset: 'a.example', clusters: [], ...init });
  const names = (init: Partial<AclInit>) => of(init).map(({ name, role }) => `${name} ${role}`);
  assert.deepEqual(names({ clusters: [WEST, EAST, WEST] }), ['east member', 'west member']);
  assert.deepEqual(names({ clusters: [WEST], authority: EAST, userPrefix: 'a-' }), [
    'a-east authority',
    'a-west member',
    'a-isthmus_join join',
  ]);
});

test('nobody but the authority has a rule that writes roster or join index, or takes anything out of an index', () => {
  const [authority, ...others] = aclUsers(INIT);
  assert.ok(authority?.rules.some((rule) => rule.includes('+srem')));
  for (const { name, rules } of others) {
    const text = rules.join(' ');
    assert.doesNotMatch(text, /\+srem|%(RW|W)~[^ )]*:(roster|join:index)/, name);
  }
});

for (const [what, init] of [
  ['a clusterset that is a pattern', { clusterset: '*' }],
  ['a clusterset that is no DNS name', { clusterset: 'Prod Example' }],
  ['a prefix with a blank', { userPrefix: 'a b' }],
  ['a prefix of 65 characters', { userPrefix: 'a'.repeat(65) }],
] as const) {
  test(`${what} is refused, because names become patterns`, () => {
    assert.throws(() => aclUsers({ ...INIT, ...init }), InvalidInputError);
  });
}
