import assert from 'node:assert/strict';
import { test } from 'node:test';
import { installedPrograms } from '../redis/programs.ts';
import { RespClient } from '../redis/resp.ts';
import { startServer } from '../redis/server.ts';
import { Link } from './link.ts';

const [program] = installedPrograms('links to a store');

if (program !== undefined) {
  test('a link carries bytes, is silent, and goes on where it stopped', async () => {
    await using server = await startServer({ program });
    await using link = await Link.open(server);
    await using client = await RespClient.connect({ port: link.port });
    assert.equal(await client.call('PING'), 'PONG');
    link.set('silent');
    const waiting = client.call('SET', 'key', 'value');
    assert.equal(await server.cli('GET', 'key'), undefined);
    link.set('flowing');
    assert.equal(await waiting, 'OK');
  });

  test('a link that refuses resets what is open and what comes', async () => {
    await using server = await startServer({ program });
    await using link = await Link.open(server);
    await using client = await RespClient.connect({ port: link.port });
    link.set('refused');
    await assert.rejects(client.call('PING'));
    await assert.rejects(async () => (await RespClient.connect({ port: link.port })).call('PING'));
  });

  test('forgotten connections stay silent, new ones reach the server that the link points to', async () => {
    await using first = await startServer({ program });
    await using second = await startServer({ program });
    await using link = await Link.open(first);
    await using old = await RespClient.connect({ port: link.port });
    await old.call('PING');
    link.forget();
    const forgotten = old.call('SET', 'key', 'never');
    link.pointTo(second);
    await using next = await RespClient.connect({ port: link.port });
    assert.equal(await next.call('SET', 'where', 'second'), 'OK');
    assert.equal(await second.cli('GET', 'where'), 'second');
    assert.equal(await first.cli('GET', 'key'), undefined);
    link.reset();
    await assert.rejects(forgotten);
  });

  test('a deaf subscriber hears nothing while commands are answered', async () => {
    await using server = await startServer({ program });
    await using link = await Link.open(server);
    await using ear = await RespClient.connect({ port: link.port });
    await using mouth = await RespClient.connect({ port: link.port });
    await ear.callRaw('SUBSCRIBE', 'news');
    link.deafenSubscribers();
    assert.equal(await mouth.call('PUBLISH', 'news', 'one'), '1');
    assert.equal(await mouth.call('PING'), 'PONG');
    assert.deepEqual(ear.pushed, []);
  });
}
