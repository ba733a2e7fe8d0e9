import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { ManualClock } from '../runtime/clock.ts';
import { InvalidInputError } from '../runtime/errors.ts';
import { ServiceAccountCredentials } from './service-account.ts';

const ENV = { KUBERNETES_SERVICE_HOST: '10.96.0.1', KUBERNETES_SERVICE_PORT: '443' };

async function folderOf(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'isthmus-account-'));
  t.after(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, 'ca.crt'), 'the CA');
  await writeFile(join(folder, 'token'), 'first\n');
  return folder;
}

test('a token that the kubelet replaced is used within a minute, or at once when the old one is refused', async (t) => {
  const folder = await folderOf(t);
  const clock = new ManualClock();
  const credentials = new ServiceAccountCredentials({ clock }, { env: ENV, folder });
  const token = async (): Promise<string | undefined> => (await credentials.current()).headers['Authorization'];
  assert.equal(await token(), 'Bearer first');
  await writeFile(join(folder, 'token'), 'second');
  assert.equal(await token(), 'Bearer first');
  await clock.advance(60_000);
  assert.equal(await token(), 'Bearer second');
  await writeFile(join(folder, 'token'), 'third');
  credentials.reload();
  assert.equal(await token(), 'Bearer third');
});

test('a token that cannot be read at the moment is read again the next time', async (t) => {
  const folder = await folderOf(t);
  const credentials = new ServiceAccountCredentials({ clock: new ManualClock() }, { env: ENV, folder });
  await rm(join(folder, 'token'));
  await assert.rejects(credentials.current(), { code: 'ENOENT' });
  await writeFile(join(folder, 'token'), 'there');
  const { server, options } = await credentials.current();
  assert.deepEqual([server.href, options.ca], ['https://10.96.0.1/', 'the CA']);
});

test('the server is where the pod is told, in brackets when it is an IPv6 address, and outside of a pod nowhere', () => {
  const clock = new ManualClock();
  const six = { ...ENV, KUBERNETES_SERVICE_HOST: 'fd00::1' };
  assert.doesNotThrow(() => new ServiceAccountCredentials({ clock }, { env: six }));
  assert.throws(() => new ServiceAccountCredentials({ clock }, { env: {} }), InvalidInputError);
});
