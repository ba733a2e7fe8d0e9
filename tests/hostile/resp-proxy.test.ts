import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { RespClient } from '../redis/resp.ts';
import { hasProgram } from '../redis/programs.ts';
import { startServer, type TestServer } from '../redis/server.ts';
import { type Delivery, type Enemy, type Fate, RespProxy } from './resp-proxy.ts';
import type { Frame } from './frames.ts';

/** The proxy alone, between a client of our own and a real server. */
class Puppet implements Enemy {
  fate: Fate = 'pass';
  readonly deliver: ((frame: Frame) => Delivery)[] = [];
  messages: (frame: Frame) => readonly Frame[] = (frame) => [frame];

  command(): Fate {
    const { fate } = this;
    this.fate = 'pass';
    return fate;
  }

  async reply(_command: unknown, frame: Frame): Promise<Delivery> {
    return this.deliver.shift()?.(frame) ?? { kind: 'deliver', frame };
  }

  async message(frame: Frame): Promise<readonly Frame[]> {
    return this.messages(frame);
  }
}

const isHere = hasProgram('valkey', 'the proxy of the hostile suite');
let server: TestServer;
before(async () => {
  if (isHere) server = await startServer({ program: 'valkey' });
});
after(async () => {
  if (isHere) await server[Symbol.asyncDispose]();
});

async function withProxy(run: (client: RespClient, enemy: Puppet, proxy: RespProxy) => Promise<void>): Promise<void> {
  const enemy = new Puppet();
  await using proxy = await RespProxy.listen({ targetPort: server.port, enemy });
  await using client = await RespClient.connect({ port: proxy.port });
  await run(client, enemy, proxy);
}

if (isHere) {
  test('octets pass unchanged, binary values and transactions too', async () => {
    await withProxy(async (client) => {
      const value = Buffer.from([0, 13, 10, 255, 36, 42]);
      await client.callRaw('SET', 'binary', value);
      assert.deepEqual(await client.callRaw('GET', 'binary'), value);
      await client.call('MULTI');
      await client.call('SET', 'a', '1');
      await client.call('GET', 'a');
      assert.deepEqual(await client.call('EXEC'), ['OK', '1']);
    });
  });

  test('a reply that is held back comes after the next one, so that each seems to answer the other command', async () => {
    await withProxy(async (client, enemy, proxy) => {
      await client.call('SET', 'x', 'first');
      await client.call('SET', 'y', 'second');
      enemy.deliver.push((frame) => ({ kind: 'hold-back', frame }));
      assert.deepEqual(await Promise.all([client.call('GET', 'x'), client.call('GET', 'y')]), ['second', 'first']);
      proxy.endBroken();
      await assert.rejects(client.call('PING'));
    });
  });

  test('a transaction that is only pretended is confirmed and leaves nothing behind', async () => {
    await withProxy(async (client, enemy) => {
      await client.call('MULTI');
      await client.call('SET', 'pretended', '1');
      enemy.fate = 'pretend';
      assert.deepEqual(await client.call('EXEC'), ['OK']);
      assert.equal(await client.call('GET', 'pretended'), undefined);
    });
  });

  test('a command that is doubled takes effect twice and is answered once', async () => {
    await withProxy(async (client, enemy) => {
      enemy.fate = 'twice';
      assert.equal(await client.call('INCR', 'doubled'), '2');
      assert.equal(await client.call('GET', 'doubled'), '2');
    });
  });

  test('a frame that is cut ends the connection in its middle', async () => {
    await withProxy(async (client, enemy) => {
      enemy.deliver.push((frame) => ({ kind: 'cut', frame }));
      await assert.rejects(client.call('PING'));
    });
  });

  test('messages of pub/sub are told from replies', async () => {
    await withProxy(async (client, enemy) => {
      enemy.messages = (frame) => [frame, frame];
      await client.call('SUBSCRIBE', 'news');
      await server.cli('PUBLISH', 'news', 'once');
      while (client.pushed.length < 2) await new Promise((resolve) => setImmediate(resolve));
      assert.equal(client.pushed.length, 2);
    });
  });
}
