import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { hasProgram, installedPrograms } from './programs.ts';
import { RespError } from './resp-decode.ts';
import { startServer } from './server.ts';
import { makeTlsMaterial } from './tls-material.ts';

for (const program of installedPrograms('the test servers themselves')) {
  test(`${program} answers, keeps what it saved over a restart, and forgets it when told to`, async () => {
    await using server = await startServer({ program });
    await server.cli('SET', 'key', 'value');
    await server.restart('with-data');
    assert.equal(await server.cli('GET', 'key'), 'value');
    await server.restart('empty');
    assert.equal(await server.cli('GET', 'key'), undefined);
  });

  test(`${program} keeps bytes as they are`, async () => {
    await using server = await startServer({ program });
    const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);
    await server.cli('HSET', 'hash', bytes, bytes);
    assert.deepEqual(await server.cliRaw('HGETALL', 'hash'), [Buffer.from(bytes), Buffer.from(bytes)]);
  });

  test(`a replica of ${program} has what its primary has, and refuses writes`, async () => {
    await using primary = await startServer({ program, acl: [] });
    await primary.cli('SET', 'key', 'value');
    await using replica = await startServer({ program, acl: [], replicaOf: primary });
    assert.equal(await replica.cli('GET', 'key'), 'value');
    await assert.rejects(replica.cli('SET', 'key', 'other'), { code: 'READONLY' });
  });

  test(`${program} holds its users to their rules`, async () => {
    await using server = await startServer({ program, acl: ['user default off', 'user east on >secret ~own:* +@all'] });
    await using east = await server.connect({ user: 'east', password: 'secret' });
    assert.equal(await east.call('SET', 'own:a', '1'), 'OK');
    await assert.rejects(east.call('SET', 'other:a', '1'), { code: 'NOPERM' });
    await assert.rejects(server.connect({ user: 'east', password: 'wrong' }), RespError);
    assert.equal(server.urlWith({ user: 'east', password: 'secret' }), `redis://east:secret@127.0.0.1:${server.port}`);
  });

  test(`a paused ${program} answers when it goes on`, async () => {
    await using server = await startServer({ program });
    server.pause();
    const answer = server.cli('PING');
    server.resume();
    assert.equal(await answer, 'PONG');
  });
}

if (hasProgram('redis', 'the test servers with TLS')) {
  test('redis with TLS answers a client with a certificate of its CA and nobody else', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'isthmus-tls-'));
    const material = await makeTlsMaterial(directory);
    await using server = await startServer({ program: 'redis', tls: { material } });
    assert.equal(await server.cli('PING'), 'PONG');
    const { searchParams, protocol } = new URL(server.url);
    assert.deepEqual(
      [protocol, searchParams.get('ca'), searchParams.get('cert')],
      ['rediss:', material.ca, material.client.cert],
    );
    await using replica = await startServer({ program: 'redis', tls: { material }, replicaOf: server });
    assert.equal(await replica.info('replication', 'role'), 'slave');
    await rm(directory, { recursive: true });
  });
}
