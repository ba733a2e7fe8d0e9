import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../../runtime/clock.ts';
import { silentLogger } from '../../runtime/log.ts';
import { ControllerNames, LOOK_AGAIN_MS } from './controller-names.ts';
import { targetName } from './controller-target.ts';

function names(...hosts: readonly string[]) {
  const clock = new ManualClock();
  const zone = new Map<string, readonly string[]>();
  let looks = 0;
  const lookup = async (host: string): Promise<readonly string[]> => {
    looks += 1;
    const found = zone.get(host);
    if (found === undefined) throw new Error('ENOTFOUND');
    return found;
  };
  const places = hosts.map((host) => ({ host, port: 15_010 }));
  const made = new ControllerNames({ clock, log: silentLogger, lookup }, { places });
  return { clock, zone, looks: () => looks, look: () => made.look(), targets: () => made.targets().map(targetName) };
}

test('a name stands for all its addresses, an address for itself', async () => {
  const { zone, look, targets } = names('controllers.example', '192.0.2.9', 'fd00::9');
  zone.set('controllers.example', ['10.0.0.2', '10.0.0.1', 'fd00::1', '10.0.0.1']);
  assert.deepEqual(targets(), ['ipv4:192.0.2.9:15010', 'ipv6:[fd00::9]:15010']);
  await look();
  assert.deepEqual(targets(), [
    'ipv4:10.0.0.1:15010',
    'ipv4:10.0.0.2:15010',
    'ipv6:[fd00::1]:15010',
    'ipv4:192.0.2.9:15010',
    'ipv6:[fd00::9]:15010',
  ]);
});

test('replicas that moved are found by asking again, at most every two seconds', async () => {
  const { clock, zone, looks, look, targets } = names('controllers.example');
  zone.set('controllers.example', ['10.0.0.1']);
  await look();
  for (let index = 0; index < 10; index++) targets();
  assert.equal(looks(), 1);
  zone.set('controllers.example', ['10.0.0.7']);
  await clock.advance(LOOK_AGAIN_MS);
  targets();
  await look();
  assert.deepEqual(targets(), ['ipv4:10.0.0.7:15010']);
});

test('a resolver that fails, or answers with nothing, takes no address away', async () => {
  const { zone, look, targets } = names('controllers.example');
  zone.set('controllers.example', ['10.0.0.1']);
  await look();
  zone.delete('controllers.example');
  await look();
  zone.set('controllers.example', []);
  await look();
  assert.deepEqual(targets(), ['ipv4:10.0.0.1:15010']);
});
