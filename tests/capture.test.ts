import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { Capture } from '../demo/capture/capture.ts';
import { scanCapture } from '../demo/capture/scan.ts';
import { judgeWire } from '../demo/capture/verdict.ts';
import { type Lab, NotShownError } from '../demo/lab/lab.ts';
import { namespacesRefused } from '../demo/lab/namespace-lab.ts';
import { openLab } from '../demo/lab/open.ts';
import { PLAINTEXT_MARKER } from '../demo/services/marker.ts';
import { SystemClock } from '../runtime/clock.ts';
import { silentLogger } from '../runtime/log.ts';
import { loadNamedTopology } from '../topologies/load.ts';

const components = { clock: new SystemClock(), log: silentLogger };
const topology = await loadNamedTopology('no-kube-3');
const SCAN = { markers: [PLAINTEXT_MARKER], privateRanges: ['10.0.0.0/24'] };
const START_MS = 20_000;

/** Two programs that exchange the marker: by TLS with a shared key (needs no certificates), or in plain. */
const PROGRAM = `
const [role, protocol, address, marker] = process.argv.slice(1);
const psk = { psk: Buffer.alloc(32, 7), identity: 'lab' };
const options = { ciphers: 'PSK-AES256-GCM-SHA384', maxVersion: 'TLSv1.2', pskCallback: () => (role === 'server' ? psk.psk : psk) };
const library = require(protocol === 'tls' ? 'node:tls' : 'node:net');
if (role === 'server') library.createServer(options, (socket) => socket.pipe(socket)).listen(15443, address, () => console.log('ready'));
else {
  const socket = library.connect({ host: address, port: 15443, checkServerIdentity: () => undefined, ...options });
  let got = '';
  socket.on('data', (data) => { got += data; if (got.length === marker.length) socket.end(); });
  socket.on('close', () => console.log(got === marker ? 'echoed' : 'failed'));
  socket.write(marker);
}
`;

async function exchange(lab: Lab, protocol: 'tls' | 'plain'): Promise<void> {
  const { wan } = lab.site('west');
  const run = (host: 'west/gateway' | 'east/gateway', role: string): ReturnType<Lab['spawn']> =>
    lab.spawn(host, process.execPath, ['-e', PROGRAM, role, protocol, wan, PLAINTEXT_MARKER], {
      name: `${protocol}-${role}`,
    });
  const server = run('west/gateway', 'server');
  await server.untilLogged(/ready/, START_MS);
  await run('east/gateway', 'client').untilLogged(/echoed/, START_MS);
  await server.kill();
}

function verdicts(): void {
  test('sees TLS as TLS and plaintext as plaintext', async () => {
    await using lab = (await openLab(components, { topology })).lab;
    const [east, west] = [lab.site('east').wan, lab.site('west').wan];
    const rules = {
      hosts: [east, west],
      ports: [15_443],
      expected: [
        { source: east, destination: west, port: 15_443 },
        { source: west, destination: east, port: 15_443 },
      ],
    };
    for (const protocol of ['tls', 'plain'] as const) {
      const capture = await Capture.start({ clock: components.clock, lab }, { name: `wire-${protocol}` });
      await exchange(lab, protocol);
      const { file, captured, dropped } = await capture.stop();
      const scan = await scanCapture(file, SCAN);
      assert.equal(scan.packets, captured);
      const reasons = judgeWire(scan, dropped, rules).findings.map(({ reason }) => reason);
      assert.deepEqual(reasons, protocol === 'tls' ? [] : ['Plaintext', 'NoTls']);
      assert.equal(scan.plaintext, protocol === 'tls' ? 0 : 2);
    }
  });
}

const refused =
  namespacesRefused(components) ??
  (existsSync(join(import.meta.dirname, '../.tools/tcpdump/bin/tcpdump'))
    ? undefined
    : 'tools/install-debian.sh tcpdump was not run');
describe('capture of the wire', () => {
  test('is not shown by a lab without a wire of its own', async () => {
    await using lab = (await openLab(components, { topology, prefer: 'loopback' })).lab;
    await assert.rejects(Capture.start({ clock: components.clock, lab }, { name: 'wire' }), NotShownError);
  });

  if (refused === undefined) verdicts();
  else console.log(`capture of the wire NOT TESTED: ${refused}`);
});
