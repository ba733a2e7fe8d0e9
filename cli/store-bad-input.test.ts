import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import { hasProgram } from '../tests/redis/programs.ts';
import type { ServerInit } from '../tests/redis/server-config.ts';
import { startServer, type TestServer } from '../tests/redis/server.ts';
import { makeTlsMaterial, type TlsMaterial } from '../tests/redis/tls-material.ts';
import { folderOf } from './processes.fixture.ts';
import { runHere } from './run-here.fixture.ts';
import type { StoreCheck } from './store/check-page.ts';

/** What people give to `isthmus store check` that cannot work: one clear answer each, that says what to do. */
interface Answer {
  readonly code: number | null;
  readonly reasons: readonly string[];
  readonly text: string;
}

async function check(t: TestContext, url: string): Promise<Answer> {
  const place = [
    '--clusterset',
    'prod.example.org',
    '--cluster',
    'west',
    '--state-dir',
    join(await folderOf(t), 'none'),
  ];
  const { code, stdout, stderr } = await runHere(['store', 'check', '--store', url, ...place, '-o', 'json']);
  const found = stdout === '' ? undefined : (JSON.parse(stdout) as StoreCheck);
  const findings = found?.stores[0]?.findings ?? [];
  const errors = findings.filter(({ severity }) => severity === 'error');
  const text = stderr + errors.map(({ message, hint }) => `${message} (${hint ?? ''})`).join('\n');
  return { code, reasons: errors.map(({ reason }) => reason), text };
}

async function serverOf(t: TestContext, init: ServerInit): Promise<TestServer> {
  const server = await startServer(init);
  t.after(() => server[Symbol.asyncDispose]());
  return server;
}

for (const [url, problem] of [
  ['', /scheme/],
  ['redis', /scheme/],
  ['redis-over-ssl://h', /scheme/],
  ['redis://', /host/],
  ['redis://h:99999', /HOST:PORT/],
  ['redis://h:1/x', /path|database|form/],
  ['redis://h?pasword-file=x', /pasword-file/],
  ['redis+sentinel://h:1', /master|primary/i],
  ['isthmus://h:1', /pin/],
] as const) {
  test(`the address ${JSON.stringify(url)} is wrong input, and the part that is wrong is named`, async (t) => {
    const { code, text } = await check(t, url);
    assert.equal(code, 2, text);
    assert.match(text, problem);
  });
}

test('no answer repeats the password that is in a wrong address', async (t) => {
  for (const url of [
    'redis://west:s3cr3t@:0',
    'redis://west:s3cr3t@h?x=y',
    'ftp://west:s3cr3t@h',
    'redis://west:s3cr3t',
  ]) {
    const { code, text } = await check(t, url);
    assert.equal(code, 2, `${url}: ${text}`);
    assert.doesNotMatch(text, /s3cr3t/);
  }
});

test('a password file that is missing is named', async (t) => {
  const { code, text } = await check(t, 'redis://west@127.0.0.1:1?password-file=/nonexistent/password');
  assert.equal(code, 2, text);
  assert.match(text, /\/nonexistent\/password/);
});

test('a port that nobody listens on is a store that is away: exit code 1', async (t) => {
  const { code, reasons, text } = await check(t, 'redis://127.0.0.1:1');
  assert.deepEqual([code, reasons], [1, ['Unreachable']], text);
});

describe('a Valkey', () => {
  let server: TestServer;
  before(async () => {
    server = await startServer({
      program: 'valkey',
      acl: ['user default off', 'user west on >qwertz ~* &* +@all'],
    });
  });
  after(() => server[Symbol.asyncDispose]());

  for (const [what, login] of [
    ['a wrong password', 'west:asdfgh@'],
    ['an unknown user', 'mallory:qwertz@'],
    ['no login', ''],
  ] as const) {
    test(`refuses ${what}: exit code 2, and the hint is about the login`, async (t) => {
      const { code, reasons, text } = await check(t, `redis://${login}127.0.0.1:${server.port}`);
      assert.deepEqual([code, reasons], [2, ['Refused']], text);
      assert.match(text, /password|login/);
      assert.doesNotMatch(text, /qwertz|asdfgh/);
    });
  }

  test('is not spoken to in TLS when it has none: the answer says so', async (t) => {
    const { code, text } = await check(t, `rediss://west:qwertz@127.0.0.1:${server.port}`);
    assert.notEqual(code, 0);
    assert.match(text, /TLS/);
    assert.match(text, /redis:\/\//);
  });

  for (const [what, key, command] of [
    ['a roster', 'isthmus:{prod.example.org}:roster', ['RPUSH', 'isthmus:{prod.example.org}:roster', 'a']],
    ['a roster', 'isthmus:{prod.example.org}:roster', ['SET', 'isthmus:{prod.example.org}:roster', 'of somebody else']],
  ] as const) {
    test(`that holds something else in the place of ${what} (${command[0]}) is told by its key, and left as it is`, async (t) => {
      await server.cli(...command);
      const found = await server.cli('DUMP', key).catch(String);
      const { code, reasons, text } = await check(t, `redis://west:qwertz@127.0.0.1:${server.port}`);
      assert.equal(code, 3, text);
      assert.ok(reasons.includes('RosterNotVerified'), text);
      assert.ok(text.includes(key), text);
      assert.equal(await server.cli('DUMP', key).catch(String), found);
      await server.cli('DEL', key);
    });
  }
});

test('a replica, an evicting and a full server are told from each other', async (t) => {
  const primary = await serverOf(t, { program: 'valkey' });
  const replica = await serverOf(t, { program: 'valkey', replicaOf: { host: primary.host, port: primary.port } });
  const asked = await check(t, replica.url);
  assert.ok(asked.reasons.includes('IsReplica'), asked.text);
  assert.match(asked.text, /redis\+sentinel:/);

  const evicting = await serverOf(t, { program: 'valkey', config: ['maxmemory 50mb', 'maxmemory-policy allkeys-lru'] });
  const evicts = await check(t, evicting.url);
  assert.ok(evicts.reasons.includes('Evicting'), evicts.text);
  assert.equal(evicts.code, 3);

  const full = await serverOf(t, { program: 'valkey', config: ['maxmemory 1kb'] });
  const refused = await check(t, full.url);
  assert.ok(refused.reasons.includes('MemoryFull'), refused.text);
});

test('a port that speaks HTTP is no store', async (t) => {
  const server: Server = createServer((_, response) => response.writeHead(400).end('bad request'));
  t.after(() => server.close());
  await once(server.listen(0, '127.0.0.1'), 'listening');
  // A TCP server's address is an object.
  const { code, text } = await check(t, `redis://127.0.0.1:${(server.address() as AddressInfo).port}`);
  assert.notEqual(code, 0);
  assert.match(text, /Redis|Valkey/);
});

if (hasProgram('redis', 'TLS of a store')) {
  describe('a Redis with TLS', () => {
    let folder: string;
    let material: TlsMaterial;
    let server: TestServer;
    const url = (query: Readonly<Record<string, string>>): string =>
      `rediss://127.0.0.1:${server.port}?${new URLSearchParams(query).toString()}`;

    before(async () => {
      folder = await mkdtemp(join(tmpdir(), 'isthmus-bad-tls-'));
      material = await makeTlsMaterial(folder);
      server = await startServer({ program: 'redis', tls: { material } });
    });
    after(async () => {
      await server[Symbol.asyncDispose]();
      await rm(folder, { recursive: true });
    });

    test('answers a client that brings what it asks for', async (t) => {
      const { cert, key } = material.client;
      const { code, text } = await check(t, url({ ca: material.ca, cert, key }));
      assert.equal(code, 3, text);
    });

    test('is not spoken to in the clear: the answer says that it wants TLS', async (t) => {
      const { code, text } = await check(t, `redis://127.0.0.1:${server.port}`);
      assert.notEqual(code, 0);
      assert.match(text, /rediss:/);
    });

    test('under a CA that is not trusted here is not used, and the CA named as what to look at', async (t) => {
      const foreign = await makeTlsMaterial(join(folder, 'foreign'));
      const { cert, key } = material.client;
      const { code, text } = await check(t, url({ ca: foreign.ca, cert, key }));
      assert.equal(code, 1, text);
      assert.match(text, /not of a trusted CA.*ca=FILE/);
    });

    test('refuses a client certificate of another CA, and none, and the answer is about the client certificate', async (t) => {
      const foreign = await makeTlsMaterial(join(folder, 'other'));
      for (const query of [{ cert: foreign.client.cert, key: foreign.client.key }, {}]) {
        const { code, text } = await check(t, url({ ca: material.ca, ...query }));
        assert.equal(code, 1, text);
        assert.match(text, /client certificate/);
      }
    });

    test('refuses a client certificate that has expired, and the answer is about the client certificate', async (t) => {
      const expired = await material.issue('expired', 'DNS:expired.example.org');
      const issuer = ['-CA', material.ca, '-CAkey', join(folder, 'ca.key'), '-days', '-1'];
      const request = ['-in', join(folder, 'expired.csr'), '-out', expired.cert];
      await promisify(execFile)('openssl', ['x509', '-req', ...request, ...issuer]);
      const { code, text } = await check(t, url({ ca: material.ca, ...expired }));
      assert.equal(code, 1, text);
      assert.match(text, /client certificate/);
    });

    test('is not asked with a file that is no certificate, and the file is named', async (t) => {
      const broken = join(folder, 'broken.pem');
      await writeFile(broken, 'nothing of use');
      for (const query of [{ ca: broken }, { ca: material.ca, cert: broken, key: material.client.key }]) {
        const { code, text } = await check(t, url(query));
        assert.equal(code, 2, text);
        assert.match(text, /broken\.pem/);
      }
    });
  });
}
