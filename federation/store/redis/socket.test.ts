import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { SystemClock } from '../../../runtime/clock.ts';
import { parseRedisAddress } from './address.ts';
import { dialSocket } from './socket.ts';

const components = { clock: new SystemClock() };

test('a port that is none, as a node of a cluster or a Sentinel may name it, is an error of the store', async () => {
  const address = parseRedisAddress('redis://127.0.0.1:6379');
  for (const port of [99_999, -1, Number.NaN]) {
    const dialling = dialSocket(components, { place: { host: '127.0.0.1', port }, address, timeoutMs: 1_000 });
    await assert.rejects(dialling, { code: 'store-unavailable', message: /cannot connect to 127\.0\.0\.1/ });
  }
});

test('a certificate that is half written is an error of the store that names what to look at', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'isthmus-pem-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  await writeFile(cert, '-----BEGIN CERTIFICATE-----\nMIIB');
  await writeFile(key, '');
  const address = parseRedisAddress(`rediss://127.0.0.1:6379?cert=${cert}&key=${key}`);
  const dialling = dialSocket(components, { place: { host: '127.0.0.1', port: 6_379 }, address, timeoutMs: 1_000 });
  await assert.rejects(dialling, { code: 'store-unavailable', message: /TLS with 127\.0\.0\.1:6379 fails/ });
});
