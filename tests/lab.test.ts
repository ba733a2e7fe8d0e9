import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, test } from 'node:test';
import { type Lab, type LabHost, NotShownError } from '../demo/lab/lab.ts';
import { namespacesRefused } from '../demo/lab/namespace-lab.ts';
import { runIp } from '../demo/lab/network.ts';
import { cleanUpAfterCrashes, openLab } from '../demo/lab/open.ts';
import { labProcesses } from '../demo/lab/sweep.ts';
import { SystemClock } from '../runtime/clock.ts';
import { silentLogger } from '../runtime/log.ts';
import { loadNamedTopology } from '../topologies/load.ts';

const components = { clock: new SystemClock(), log: silentLogger };
const topology = await loadNamedTopology('no-kube-3');
const SERVICE = join(import.meta.dirname, '../demo/services/service.ts');
const OWNER = join(import.meta.dirname, 'lab-owner.ts');
const START_MS = 20_000;
/** Longer than the 3 s after which a failing ARP would be reported. */
const SILENCE_MS = 4000;

const DIAL = `
const [address, port, timeoutMs] = process.argv.slice(1);
const socket = require('node:net').connect(Number(port), address);
const say = (text) => { console.log('dialled ' + text); process.exit(0); };
socket.setTimeout(Number(timeoutMs), () => say('silence'));
socket.on('connect', () => socket.write('who\\n'));
socket.on('data', (data) => say(String(data).split(' ')[0]));
socket.on('error', (error) => say(error.code));
`;

let dials = 0;

/** What a program on that host gets when it asks there: a name, `silence` or an error's code. */
async function dial(lab: Lab, from: LabHost, address: string, port: number, timeoutMs = 10_000): Promise<string> {
  const name = `dial-${(dials += 1)}`;
  const args = ['-e', DIAL, address, String(port), String(timeoutMs)];
  const dialled = await lab.spawn(from, process.execPath, args, { name }).untilLogged(/dialled (\S+)/, START_MS);
  return dialled[1] ?? '';
}

async function serve(lab: Lab, host: LabHost, name: string, address: string, port: number): Promise<void> {
  const args = [SERVICE, '--name', name, '--tcp', `${address}:${port}`];
  await lab.spawn(host, process.execPath, args, { name }).untilLogged(/ready/, START_MS);
}

/** Names of the namespaces of this process; others may run labs at the same time. */
async function namespaces(): Promise<readonly string[]> {
  const lines = (await runIp(['netns', 'list'])).split('\n');
  return lines
    .map((line) => line.split(' ')[0] ?? '')
    .filter((name) => name.startsWith(`isthmus-${process.pid}-`))
    .sort();
}

/** Another process that owns a lab and says where; `how` is what it does then. */
async function startOwner(
  how: 'wait' | 'crash',
  kind: Lab['kind'],
): Promise<{ directory: string; ended: Promise<unknown[]>; pid: number }> {
  const owner = spawn(process.execPath, [OWNER, how, kind], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(owner, 'exit');
  const lines = createInterface({ input: owner.stdout });
  const [directory] = await once(lines, 'line');
  assert.ok(typeof directory === 'string' && owner.pid !== undefined);
  return { directory, ended, pid: owner.pid };
}

function labSuite(kind: Lab['kind']): void {
  test('ends everything it started when it is destroyed, also what programs left behind', async () => {
    const { lab } = await openLab(components, { topology, prefer: kind });
    const script = `require('node:child_process').spawn('sleep', ['1000'], {detached: true, stdio: 'inherit'}); console.log('left'); process.exit(0)`;
    const parent = lab.spawn('east/gateway', process.execPath, ['-e', script], { name: 'parent' });
    await parent.untilLogged(/left/, START_MS);
    await parent.exited;
    assert.equal(labProcesses(lab.directory).length, 1);
    await lab.destroy();
    assert.equal(labProcesses(lab.directory).length, 0);
    assert.equal(existsSync(lab.directory), false);
    await lab.destroy();
  });

  test('cuts the store off and gives it back', async () => {
    await using lab = (await openLab(components, { topology, prefer: kind })).lab;
    await serve(lab, 'store', 'store', lab.storeAddress, 15_090);
    assert.equal(await dial(lab, 'west/gateway', lab.storeAddress, 15_090), 'store');
    await lab.cutStore();
    assert.equal(await dial(lab, 'west/gateway', lab.storeAddress, 15_090, 500), 'silence');
    await lab.healStore();
    assert.equal(await dial(lab, 'west/gateway', lab.storeAddress, 15_090), 'store');
  });

  test('is destroyed by Ctrl-C, and the exit code says so', async () => {
    const { directory, ended, pid } = await startOwner('wait', kind);
    assert.equal(labProcesses(directory).length, 1);
    process.kill(pid, 'SIGINT');
    assert.deepEqual(await ended, [130, null]);
    assert.equal(labProcesses(directory).length, 0);
    assert.equal(existsSync(directory), false);
  });

  test('is removed by the next one when its owner was killed', async () => {
    const { directory, ended } = await startOwner('crash', kind);
    assert.deepEqual(await ended, [null, 'SIGKILL']);
    assert.ok(existsSync(directory));
    cleanUpAfterCrashes(components);
    assert.equal(labProcesses(directory).length, 0);
    assert.equal(existsSync(directory), false);
  });

  test('knows its sites and refuses others', async () => {
    await using lab = (await openLab(components, { topology, prefer: kind })).lab;
    assert.deepEqual(
      lab.sites.map(({ name }) => name),
      ['east', 'west', 'edge'],
    );
    assert.throws(() => lab.site('mars'), { code: 'unknown-site' });
    assert.throws(() => lab.spawn('mars/app', 'true', [], { name: 'x' }), { code: 'unknown-site' });
  });

  test('tells how a program failed, with the end of its log', async () => {
    await using lab = (await openLab(components, { topology, prefer: kind })).lab;
    const failing = lab.spawn('east/app', 'sh', ['-c', 'echo no such luck >&2; exit 3'], { name: 'failing' });
    await assert.rejects(failing.untilLogged(/never/, START_MS), /failing ended before it logged never: no such luck/);
    assert.deepEqual(await failing.exited, { code: 3, signal: undefined });
  });
}

function namespaceSuite(): void {
  let lab: Lab;
  before(async () => {
    ({ lab } = await openLab(components, { topology }));
    for (const site of lab.sites) {
      await serve(lab, `${site.name}/app`, `${site.name}-app`, site.apps[0], 9000);
      await serve(lab, `${site.name}/gateway`, `${site.name}-gateway`, site.wan, 9000);
    }
  });
  after(() => lab.destroy());

  test('the same address is another machine in every site', async () => {
    assert.equal(new Set(lab.sites.map(({ apps }) => apps[0])).size, 1);
    for (const { name, apps } of lab.sites)
      assert.equal(await dial(lab, `${name}/gateway`, apps[0], 9000), `${name}-app`);
  });

  test('gateways reach each other over the wire, applications do not', async () => {
    const west = lab.site('west').wan;
    assert.equal(await dial(lab, 'east/gateway', west, 9000), 'west-gateway');
    assert.equal(await dial(lab, 'east/app', west, 9000), 'ENETUNREACH');
  });

  test('no host has a way out, and the wire has no address', async () => {
    const names = await namespaces();
    assert.ok(names.length >= 8);
    for (const name of names) {
      assert.doesNotMatch(await runIp(['-n', name, 'route', 'show', 'table', 'all']), /default|via/);
    }
    for (const name of names) assert.doesNotMatch(await runIp(['-n', name, 'addr', 'show']), /inet6/);
    for (const name of names.filter((other) => other.endsWith('-wan'))) {
      assert.doesNotMatch(await runIp(['-n', name, 'addr', 'show']), /inet/);
    }
  });

  test('a black hole swallows packets without a word, for that site alone, until it is healed', async () => {
    const [east, west] = [lab.site('east').wan, lab.site('west').wan];
    await lab.blackHole('west');
    const outcomes = await Promise.all([
      dial(lab, 'east/gateway', west, 9000, SILENCE_MS),
      dial(lab, 'west/gateway', east, 9000, SILENCE_MS),
      dial(lab, 'edge/gateway', east, 9000, SILENCE_MS),
    ]);
    assert.deepEqual(outcomes, ['silence', 'silence', 'east-gateway']);
    await lab.heal('west');
    assert.equal(await dial(lab, 'east/gateway', west, 9000), 'west-gateway');
  });

  test('destroying it leaves no namespace', async () => {
    const earlier = await namespaces();
    const { lab: other } = await openLab(components, { topology });
    assert.equal((await namespaces()).length, earlier.length + 8);
    await other.destroy();
    assert.deepEqual(await namespaces(), earlier);
  });
}

describe('loopback lab', () => {
  labSuite('loopback');

  test('gives every site addresses of its own and says what it cannot show', async () => {
    await using lab = (await openLab(components, { topology, prefer: 'loopback' })).lab;
    assert.equal(new Set(lab.sites.flatMap(({ wan, lan, apps }) => [wan, lan, ...apps])).size, 36);
    assert.deepEqual(lab.capabilities, { capture: false, blackHole: false, overlap: false, storeCut: 'process' });
    await assert.rejects(lab.blackHole('west'), NotShownError);
    assert.throws(() => lab.spawn('wan', 'true', [], { name: 'x' }), NotShownError);
  });

  test('two of them do not share an address', async () => {
    await using one = (await openLab(components, { topology, prefer: 'loopback' })).lab;
    await using other = (await openLab(components, { topology, prefer: 'loopback' })).lab;
    assert.notEqual(one.storeAddress, other.storeAddress);
  });
});

const refused = namespacesRefused(components);
if (refused === undefined) {
  describe('namespace lab', () => {
    labSuite('namespaces');
    namespaceSuite();
  });
} else {
  console.log(`namespace lab NOT TESTED: ${refused}`);
}
