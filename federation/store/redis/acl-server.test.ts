import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, describe, test } from 'node:test';
import { installedPrograms } from '../../../tests/redis/programs.ts';
import type { RespClient } from '../../../tests/redis/resp.ts';
import { RespError } from '../../../tests/redis/resp-decode.ts';
import { startServer, type TestServer } from '../../../tests/redis/server.ts';
import { parseClusterId } from '../../model/ids.ts';
import { aclUsers, JOIN_USER } from './acl.ts';
import { formatAcl } from './acl-format.ts';

/** What a stolen login is worth: every line is tried on real servers, as the user that it is about. */
const CS = 'prod.example.org';
const [EAST, WEST] = [parseClusterId('east'), parseClusterId('west')];
const USERS = aclUsers({ clusterset: CS, clusters: [EAST, WEST], authority: EAST });

function passwordOf(user: string): string {
  return `password of ${user}`;
}

async function startWithAcl(program: 'valkey' | 'redis'): Promise<TestServer> {
  const hashes = USERS.map(({ name }) => [name, createHash('sha256').update(passwordOf(name)).digest('hex')] as const);
  const acl = formatAcl(USERS, new Map(hashes), 'aclfile').trim().split('\n');
  return startServer({ program, acl: ['user default off', ...acl] });
}

const OWN = `isthmus:{${CS}/west}:head`;
const OTHERS = `isthmus:{${CS}/east}:head`;
const ROSTER = `isthmus:{${CS}}:roster`;
const INDEX = `isthmus:{${CS}}:clusters`;
const JOIN = `isthmus:{${CS}}:join:0123456789abcdef0123456789abcdef`;
const JOIN_INDEX = `isthmus:{${CS}}:join:index`;
const NOTICE = `isthmus:{${CS}}:notice`;
const NEIGHBOUR = 'isthmus:{prod.example.org.evil/west}:head';

type Line = readonly string[];

const EVERYWHERE_REFUSED: readonly Line[] = [
  ['EVAL', 'return 1', '0'],
  ['EVALSHA', 'a'.repeat(40), '0'],
  ['SCRIPT', 'LOAD', 'return 1'],
  ['FUNCTION', 'LIST'],
  ['FCALL', 'f', '0'],
  ['FLUSHALL'],
  ['FLUSHDB'],
  ['KEYS', '*'],
  ['SCAN', '0'],
  ['RANDOMKEY'],
  ['DBSIZE'],
  ['CONFIG', 'GET', '*'],
  ['CONFIG', 'SET', 'dir', '/tmp'],
  ['ACL', 'LIST'],
  ['ACL', 'SETUSER', 'west', '~*'],
  ['ACL', 'DRYRUN', 'east', 'GET', OTHERS],
  ['CLIENT', 'LIST'],
  ['CLIENT', 'KILL', 'TYPE', 'normal'],
  ['CLIENT', 'PAUSE', '1000'],
  ['MONITOR'],
  ['DEBUG', 'SLEEP', '0'],
  ['SHUTDOWN', 'NOSAVE'],
  ['REPLICAOF', 'NO', 'ONE'],
  ['MODULE', 'LIST'],
  ['SAVE'],
  ['BGREWRITEAOF'],
  ['SLOWLOG', 'GET'],
  ['SWAPDB', '0', '1'],
  ['MIGRATE', '127.0.0.1', '1', OTHERS, '0', '10'],
  ['RESTORE', OWN, '0', 'x'],
  ['SORT', OWN],
  ['OBJECT', 'ENCODING', OWN],
  ['COPY', OWN, OTHERS],
  ['RENAME', OWN, OTHERS],
  ['EXPIRE', OTHERS, '1'],
  ['GETRANGE', NEIGHBOUR, '0', '0'],
  ['SET', NEIGHBOUR, 'x'],
  ['GETRANGE', 'some-application', '0', '9'],
  ['PUBLISH', 'some-application', 'x'],
  ['PUBLISH', 'isthmus:{other.example.org}:notice', 'x'],
  ['PSUBSCRIBE', '*'],
];

const MEMBER_REFUSED: readonly Line[] = [
  ['SET', OTHERS, 'x'],
  ['DEL', OTHERS],
  ['HSET', `isthmus:{${CS}/east}:rec`, 'cluster', 'x'],
  ['HDEL', `isthmus:{${CS}/east}:rec`, 'cluster'],
  ['RPUSH', `isthmus:{${CS}/east}:log`, 'x'],
  ['LTRIM', `isthmus:{${CS}/east}:log`, '1', '0'],
  ['SET', `isthmus:{${CS}/east}:lease:east`, 'x'],
  ['SET', ROSTER, '99\nx'],
  ['DEL', ROSTER],
  ['SREM', INDEX, 'east'],
  ['DEL', INDEX],
  ['SET', INDEX, 'x'],
  ['SADD', ROSTER, 'x'],
  ['SADD', OTHERS, 'x'],
  ['SADD', JOIN_INDEX, 'x'],
  ['HSET', JOIN, 'credential', 'x'],
  ['HGETALL', JOIN],
  ['DEL', JOIN],
  ['PEXPIREAT', JOIN, '1'],
  ['SMEMBERS', JOIN_INDEX],
  ['WATCH', JOIN],
  ['HMGET', JOIN, 'credential'],
  ['HSTRLEN', JOIN, 'credential'],
];

const JOINER_REFUSED: readonly Line[] = [
  ['SET', ROSTER, '99\nx'],
  ['DEL', JOIN],
  ['PEXPIREAT', JOIN, '1'],
  ['SMEMBERS', JOIN_INDEX],
  ['SREM', JOIN_INDEX, 'x'],
  ['DEL', JOIN_INDEX],
  ['GETRANGE', OTHERS, '0', '9'],
  ['HGETALL', `isthmus:{${CS}/east}:rec`],
  ['SET', OWN, 'x'],
  ['SADD', INDEX, 'mallory'],
  ['SMEMBERS', INDEX],
  ['SUBSCRIBE', NOTICE],
];

const AUTHORITY_REFUSED: readonly Line[] = [
  ['SET', OWN, 'x'],
  ['HSET', `isthmus:{${CS}/west}:rec`, 'cluster', 'x'],
  ['DEL', `isthmus:{${CS}/west}:log`],
  ['SREM', INDEX, 'west'],
  ['DEL', INDEX],
  ['SADD', ROSTER, 'x'],
  ['PEXPIREAT', ROSTER, '1'],
];

const ALLOWED: Readonly<Record<string, readonly Line[]>> = {
  west: [
    ['GETRANGE', OTHERS, '0', '9'],
    ['HGETALL', `isthmus:{${CS}/east}:rec`],
    ['GETRANGE', `isthmus:{${CS}/east}:lease:east`, '0', '9'],
    ['GETRANGE', ROSTER, '0', '9'],
    ['SMEMBERS', INDEX],
    ['SADD', INDEX, 'west'],
    ['SET', OWN, 'x'],
    ['HSET', `isthmus:{${CS}/west}:rec`, 'cluster', 'x'],
    ['RPUSH', `isthmus:{${CS}/west}:log`, 'x'],
    ['SET', `isthmus:{${CS}/west}:lease:west`, 'x'],
    ['WATCH', OWN],
    ['UNWATCH'],
    ['PUBLISH', NOTICE, 'x'],
    ['INFO', 'memory'],
    ['ROLE'],
    ['TIME'],
    ['ACL', 'WHOAMI'],
  ],
  east: [
    ['SET', ROSTER, '1\nx'],
    ['HSET', JOIN, 'credential', 'x'],
    ['HMGET', JOIN, 'credential'],
    ['HSTRLEN', JOIN, 'credential'],
    ['PEXPIREAT', JOIN, '99999999999999'],
    ['SADD', JOIN_INDEX, 'x'],
    ['SREM', JOIN_INDEX, 'x'],
    ['DEL', JOIN],
  ],
  [JOIN_USER]: [
    ['WATCH', JOIN],
    ['UNWATCH'],
    ['HMGET', JOIN, 'answer'],
    ['HSET', JOIN, 'request', 'x'],
    ['GETRANGE', ROSTER, '0', '9'],
    ['PUBLISH', NOTICE, 'x'],
  ],
};

async function codeOf(client: RespClient, line: Line): Promise<string> {
  try {
    await client.call(...line);
    return 'done';
  } catch (error) {
    if (!(error instanceof RespError)) throw error;
    return error.code;
  }
}

async function outcomes(
  server: TestServer,
  user: string,
  lines: readonly Line[],
): Promise<ReadonlyMap<string, string>> {
  await using client = await server.connect({ user, password: passwordOf(user) });
  const found = new Map<string, string>();
  for (const line of lines) found.set(line.join(' '), await codeOf(client, line));
  return found;
}

function expected(lines: readonly Line[], outcome: string): ReadonlyMap<string, string> {
  return new Map(lines.map((line) => [line.join(' '), outcome]));
}

for (const program of installedPrograms('access rules')) {
  describe(`the access rules on ${program}`, async () => {
    const server = await startWithAcl(program);
    after(() => server[Symbol.asyncDispose]());

    for (const [user, lines] of [
      ['west', MEMBER_REFUSED],
      ['east', AUTHORITY_REFUSED],
      [JOIN_USER, JOINER_REFUSED],
    ] as const) {
      const refused = [...EVERYWHERE_REFUSED, ...lines];
      test(`let ${user} do none of ${refused.length} things that are not its own`, async () => {
        assert.deepEqual(await outcomes(server, user, refused), expected(refused, 'NOPERM'));
      });
    }

    for (const [user, lines] of Object.entries(ALLOWED)) {
      test(`let ${user} do what is its own`, async () => {
        assert.deepEqual(await outcomes(server, user, lines), expected(lines, 'done'));
      });
    }

    test('are taken by ACL SETUSER word by word, as redis-cli sends what is piped into it', async () => {
      const commands = formatAcl(USERS, new Map([['east', 'a'.repeat(64)]]), 'setuser')
        .trim()
        .split('\n');
      const answers = await Promise.all(commands.map((line) => server.cli(...line.split(' ')).catch(String)));
      assert.equal(answers[0], 'OK');
      for (const answer of answers.slice(1)) assert.match(String(answer), /Error in ACL SETUSER modifier '#SHA256-OF/);
    });
  });
}
