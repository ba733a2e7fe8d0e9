import assert from 'node:assert/strict';
import { once } from 'node:events';
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { hasProgram } from '../../../tests/redis/programs.ts';
import { startServer } from '../../../tests/redis/server.ts';
import { makeTlsMaterial } from '../../../tests/redis/tls-material.ts';
import { IsthmusError } from '../../../runtime/errors.ts';
import { commitOf, EAST, readPlain, TEST_TIMEOUT } from '../conformance/rig.fixture.ts';
import type { Store } from '../contract.ts';
import { parseRedisAddress } from './address.ts';
import { freshClusterset, redisComponents } from './rig.fixture.ts';
import { RedisStore } from './store.ts';

function openAt(url: string): Promise<RedisStore> {
  return RedisStore.open(redisComponents(), { address: parseRedisAddress(url), clusterset: freshClusterset() });
}

/** One clear sentence, with something to do. */
async function assertSays(url: string, expected: { code: string; message: RegExp; hint: RegExp }): Promise<void> {
  await using store = await openAt(url);
  await assert.rejects(store.heads(), (error) => {
    assert.ok(error instanceof IsthmusError, String(error));
    assert.equal(error.code, expected.code);
    assert.match(error.message, expected.message);
    assert.match(error.hint ?? '', expected.hint);
    assert.ok(!JSON.stringify([error.message, error.hint, error.fields, String(error.cause)]).includes('s3cret'));
    return true;
  });
}

/** Until a call succeeds: back-off lies between a change at the server and its effect here. */
async function eventually<Result>(work: () => Promise<Result>): Promise<Result> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      assert.ok(error instanceof IsthmusError, String(error));
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

async function untilRefused(store: Store, code: string): Promise<void> {
  for (;;) {
    const failure = await store.heads().then(
      () => undefined,
      (error: unknown) => error,
    );
    if (failure instanceof IsthmusError && failure.code === code) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

if (hasProgram('redis', 'logins and certificates')) {
  describe('logging in', TEST_TIMEOUT, async () => {
    const folder = await mkdtemp(join(tmpdir(), 'isthmus-login-'));
    const material = await makeTlsMaterial(join(folder, 'tls'));
    const stranger = await makeTlsMaterial(join(folder, 'stranger'));
    const acl = [
      'user default off',
      'user west on >s3cret-1 ~* &* +@all',
      'user poor on >s3cret-1 ~* &* +ping +client',
    ];
    const plain = await startServer({ program: 'redis', acl });
    const tls = await startServer({ program: 'redis', acl, tls: { material } });
    after(async () => {
      for (const server of [plain, tls]) await server[Symbol.asyncDispose]();
      await rm(folder, { recursive: true });
    });
    const at = `127.0.0.1:${plain.port}`;
    const tlsAt = `127.0.0.1:${tls.port}`;
    const own = `cert=${material.client.cert}&key=${material.client.key}`;

    it('says what is wrong with a login', async () => {
      const refused = { code: 'store-refused', message: /wrong user or password/, hint: /password-file/ };
      await assertSays(`redis://west:s3cret-wrong@${at}`, refused);
      await assertSays(`redis://nobody:s3cret-1@${at}`, refused);
      await assertSays(`redis://${at}`, { code: 'store-refused', message: /wants a login/, hint: /user and password/ });
      await assertSays(`redis://poor:s3cret-1@${at}`, {
        code: 'store-refused',
        message: /may not do that/,
        hint: /store acl/,
      });
      await assertSays(`redis://west:s3cret-1@${at}/900`, { code: 'store-refused', message: /database/, hint: /./ });
      await assertSays(`redis://west@${at}?password-file=${folder}/none`.replace('west@', '').concat('&user=west'), {
        code: 'store-unavailable',
        message: /cannot read .*none/,
        hint: /file/,
      });
    });

    it('says what is wrong with the transport', async () => {
      const away = 'store-unavailable';
      await assertSays('redis://127.0.0.1:1', { code: away, message: /refuses the connection/, hint: /run/ });
      await assertSays('redis://no-such-host.invalid', { code: away, message: /cannot be resolved/, hint: /DNS/ });
      await assertSays(`rediss://west:s3cret-1@${at}`, {
        code: away,
        message: /does not (speak|answer in) TLS/,
        hint: /redis:\/\//,
      });
      await assertSays(`redis://west:s3cret-1@${tlsAt}`, {
        code: away,
        message: /closes the connection/,
        hint: /rediss/,
      });
      await assertSays(`rediss://west:s3cret-1@${tlsAt}?${own}`, {
        code: away,
        message: /not of a trusted CA/,
        hint: /ca=/,
      });
      await assertSays(`rediss://west:s3cret-1@${tlsAt}?ca=${stranger.ca}&${own}`, {
        code: away,
        message: /not of a trusted CA/,
        hint: /ca=/,
      });
      await assertSays(`rediss://west:s3cret-1@${tlsAt}?ca=${material.ca}&${own}&server-name=other.example`, {
        code: away,
        message: /for another host/,
        hint: /server-name/,
      });
      await assertSays(`rediss://west:s3cret-1@${tlsAt}?ca=${material.ca}`, {
        code: away,
        message: /breaks the connection|refuses the TLS handshake|closes the connection/,
        hint: /cert=/,
      });
    });

    it('says that a password is one too many', async () => {
      await using open = await startServer({ program: 'redis' });
      const url = `redis://:s3cret-1@127.0.0.1:${open.port}`;
      await assertSays(url, { code: 'store-refused', message: /has no password/, hint: /store acl/ });
    });

    it('never repeats a password that a server says back', async () => {
      const echo = createServer((socket) => {
        socket.on('error', () => undefined);
        socket.once('data', () =>
          socket.write("-ERR unknown command 'AUTH', with args beginning with: 's3cret-1'\r\n+OK\r\n+PONG\r\n"),
        );
      });
      echo.listen(0, '127.0.0.1');
      await once(echo, 'listening');
      const address = echo.address();
      const port = typeof address === 'object' ? address?.port : 0;
      const expected = { code: 'store-refused', message: /does not take a login/, hint: /7\.0/ };
      await assertSays(`redis://:s3cret-1@127.0.0.1:${port}`, expected);
      echo.close();
    });

    it('never logs in as somebody else because a password file is empty', async () => {
      await using open = await startServer({ program: 'redis' });
      const file = join(folder, 'empty');
      await writeFile(file, '\n');
      await assertSays(`redis://west@127.0.0.1:${open.port}?password-file=${file}`, {
        code: 'store-unavailable',
        message: /empty is empty/,
        hint: /one line with the password/,
      });
    });

    it('takes a new password from its file without a restart', async () => {
      const file = join(folder, 'password');
      await writeFile(file, 's3cret-1\n');
      await using store = await openAt(`redis://${at}?user=west&password-file=${file}`);
      await store.commit(commitOf(EAST, {}, { a: '1' }));
      await plain.cli('ACL', 'SETUSER', 'west', 'resetpass', '>s3cret-2');
      await plain.cli('CLIENT', 'KILL', 'USER', 'west');
      await untilRefused(store, 'store-refused');
      await writeFile(file, 's3cret-2\n');
      assert.deepEqual(await eventually(() => readPlain(store, EAST)), { a: '1' });
      await plain.cli('ACL', 'SETUSER', 'west', 'resetpass', '>s3cret-1');
    });

    it('takes rights that were taken away and given back without a restart', async () => {
      await using store = await openAt(`redis://west:s3cret-1@${at}`);
      await store.commit(commitOf(EAST, {}, { a: '1' }));
      await plain.cli('ACL', 'SETUSER', 'west', '-getrange');
      await assert.rejects(store.read(EAST), { code: 'store-refused' });
      await plain.cli('ACL', 'SETUSER', 'west', '+getrange');
      assert.deepEqual(await eventually(() => readPlain(store, EAST)), { a: '1' });
    });

    it('takes new certificates from their files without a restart', async () => {
      const [cert, key] = [join(folder, 'own.pem'), join(folder, 'own.key')];
      await copyFile(stranger.client.cert, cert);
      await copyFile(stranger.client.key, key);
      await using store = await openAt(`rediss://west:s3cret-1@${tlsAt}?ca=${material.ca}&cert=${cert}&key=${key}`);
      await untilRefused(store, 'store-unavailable');
      const next = await material.issue('next', 'DNS:west.example.org');
      await copyFile(next.cert, cert);
      await copyFile(next.key, key);
      await eventually(() => store.commit(commitOf(EAST, {}, { a: '1' })));
      assert.deepEqual(await readPlain(store, EAST), { a: '1' });
    });
  });
}
