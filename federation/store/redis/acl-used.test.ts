import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, describe, test } from 'node:test';
import { installedPrograms } from '../../../tests/redis/programs.ts';
import { startServer, type TestServer } from '../../../tests/redis/server.ts';
import { describeStore } from '../conformance.ts';
import { commitOf, EAST, text, WEST } from '../conformance/rig.fixture.ts';
import { STORE_LIMITS, type Store } from '../contract.ts';
import { aclUsers, JOIN_USER } from './acl.ts';
import { aclFile, actAsMember, PASSWORD } from './acl-acts.fixture.ts';
import { formatAcl } from './acl-format.ts';
import { parseRedisAddress } from './address.ts';
import { freshClusterset, redisComponents, redisRig } from './rig.fixture.ts';
import { RedisStore } from './store.ts';

/**
 * Granted is used: with the users of `store acl` the whole contract is kept, and nothing is in their lists that the store
 * never does. The server counts.
 */
const CS = 'prod.example.org';
const USERS = aclUsers({ clusterset: CS, clusters: [EAST, WEST], authority: EAST });

/** What an ordinary server never sees. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  select: 'a database in the address',
  role: 'a primary that Sentinels name',
  'cluster|slots': 'a Redis Cluster',
  'cluster|info': '`isthmus store check`',
  'acl|whoami': '`isthmus store check`',
  info: '`isthmus store check`',
};

function open(server: TestServer, user: string, clusterset = CS): Promise<RedisStore> {
  const address = parseRedisAddress(server.urlWith({ user, password: PASSWORD }));
  return RedisStore.open(redisComponents(), { address, clusterset });
}

async function actAsAuthority(store: Store, joiner: Store): Promise<void> {
  const expiresAtMs = Date.now() + 60_000;
  await store.putRoster({ version: 2, bytes: text('roster') });
  const offer = (index: number) =>
    store.join.offer({ tokenId: `token${index}`, credential: new Uint8Array(32), expiresAtMs });
  for (let index = 0; index < STORE_LIMITS.joinsMax - 1; index += 1) await offer(index);
  await joiner.join.request({ tokenId: 'token1', bytes: text('please') });
  assert.ok((await store.join.pending()).some(({ tokenId }) => tokenId === 'token1'));
  await store.join.answer({ tokenId: 'token1', bytes: text('welcome') });
  await assert.rejects(offer(STORE_LIMITS.joinsMax));
}

/** An offer on a board that is full of tokens whose time is over. */
async function actOnFullBoard(store: Store, server: TestServer): Promise<void> {
  await server.cli('DEL', `isthmus:{${CS}}:join:token7`);
  await store.join.offer({ tokenId: 'late', credential: new Uint8Array(32), expiresAtMs: Date.now() + 60_000 });
}

async function offerTo(authority: Store): Promise<void> {
  const credential = new Uint8Array(32);
  await authority.putRoster({ version: 1, bytes: text('roster') });
  await authority.join.offer({ tokenId: 'mine', credential, expiresAtMs: Date.now() + 60_000 });
}

async function actAsJoiner(store: Store): Promise<void> {
  assert.equal((await store.roster())?.version, 1);
  await store.join.request({ tokenId: 'mine', bytes: text('please') });
  assert.equal(await store.join.answerFor('mine'), undefined);
}

/** `name` or `name|sub` as in the rules. The harness asks INFO and CONFIG. */
async function usedCommands(server: TestServer): Promise<ReadonlySet<string>> {
  const stats = String(await server.cli('INFO', 'commandstats'));
  const used = [...stats.matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm)].map(([, name = '']) => name);
  return new Set(used);
}

/** With those inside selectors. */
function grantedTo(name: string): readonly string[] {
  const user = USERS.find((one) => one.name === name);
  const words = (user?.rules ?? []).flatMap((rule) => rule.replace(/[()]/g, '').split(' '));
  return words.filter((word) => word.startsWith('+')).map((word) => word.slice(1));
}

for (const program of installedPrograms('that access rules grant what is used')) {
  describe(`with the access rules on ${program}`, async () => {
    const server = await startServer({ program, acl: aclFile(USERS) });
    after(() => server[Symbol.asyncDispose]());

    const nothing = (): Promise<void> => Promise.resolve();
    for (const [user, prepare, act] of [
      ['west', nothing, actAsMember],
      [JOIN_USER, offerTo, actAsJoiner],
      [
        'east',
        nothing,
        async (store: Store) => {
          await using joiner = await open(server, JOIN_USER);
          await actAsAuthority(store, joiner);
          await actOnFullBoard(store, server);
          await store.commit(commitOf(EAST, { version: 1 }, { cluster: 'a' }));
        },
      ],
    ] as const) {
      test(`${user} does all of its work, is refused nothing, and is granted nothing that it never does`, async () => {
        await using store = await open(server, user);
        await using authority = await open(server, 'east');
        await prepare(authority);
        await server.cli('ACL', 'LOG', 'RESET');
        await server.cli('CONFIG', 'RESETSTAT');
        await act(store);
        assert.deepEqual(await server.cli('ACL', 'LOG'), []);
        const used = await usedCommands(server);
        const idle = grantedTo(user).filter((command) => !used.has(command) && !Object.hasOwn(ELSEWHERE, command));
        // What a member is granted too, the authority does as a member: `west` shows that it is used.
        const own = user === 'east' ? idle.filter((command) => !grantedTo('west').includes(command)) : idle;
        assert.deepEqual(own, []);
      });
    }

    // On Redis the suite runs behind the rules over TLS too (`redis-tls-acl.test.ts`).
    if (program === 'redis') return;
    describeStore(`the store behind the access rules on ${program}`, async () => {
      const clusterset = freshClusterset();
      const users = aclUsers({ clusterset, clusters: [EAST, WEST], authority: EAST, userPrefix: `${clusterset}-` });
      const hash = createHash('sha256').update(PASSWORD).digest('hex');
      const hashes = new Map(users.map(({ name }) => [name, hash]));
      for (const line of formatAcl(users, hashes, 'setuser').trim().split('\n')) await server.cli(...line.split(' '));
      const url = (cluster: string): string => server.urlWith({ user: `${clusterset}-${cluster}`, password: PASSWORD });
      return redisRig({ url: url('east'), westUrl: url('west') }, clusterset);
    });
  });
}
