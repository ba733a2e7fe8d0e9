import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeTlsMaterial, type TlsMaterial } from '../../redis/tls-material.ts';
import { kept } from '../kept.ts';
import { storeUp } from '../looks.ts';
import { type Scene, storeCase } from '../store-case.ts';

export const certificatesRotated = storeCase({
  name: 'certificates-rotated',
  row: 'certificates rotated: a server that nobody trusts keeps last good in force, new files need no restart',
  layouts: ['tls'],
  alert: 'isthmus_store_up',
  inject: async (scene) => {
    const next = await makeTlsMaterial(nextFolder(scene));
    const server = await scene.servers.primary();
    await server.cli(
      ...['CONFIG', 'SET', 'tls-cert-file', next.server.cert, 'tls-key-file', next.server.key],
      ...['tls-ca-cert-file', next.ca],
    );
    await server.cli('CLIENT', 'KILL', 'TYPE', 'pubsub');
    await server.cli('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
  },
  expect: ({ federation }) => kept(federation, () => storeUp(federation, 0)),
  heal: async (scene) => {
    const current = tlsOf(scene);
    const next = nextFolder(scene);
    // As an operator's tool does it: other content under the same names.
    for (const path of [current.ca, current.client.cert, current.client.key]) {
      await copyFile(join(next, path.slice(path.lastIndexOf('/') + 1)), path);
    }
  },
  after: ({ federation }) => storeUp(federation, 1),
});

function nextFolder({ servers }: Scene): string {
  return join(servers.directory, 'next');
}

function tlsOf({ servers }: Scene): TlsMaterial {
  if (servers.tls === undefined) throw new Error('the servers have no TLS');
  return servers.tls;
}
