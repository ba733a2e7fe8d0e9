import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import { identify, isAlive } from './identity.ts';

describe('identity of a process', () => {
  test('holds while it lives and ends with it', async () => {
    const child = spawn('sleep', ['1000']);
    await once(child, 'spawn');
    assert.ok(child.pid !== undefined);
    const identity = identify(child.pid);
    assert.ok(identity !== undefined && isAlive(identity));
    child.kill('SIGKILL');
    await once(child, 'exit');
    assert.equal(isAlive(identity), false);
  });

  test('is not that of a process that got the same number at another time', () => {
    const self = identify(process.pid);
    assert.ok(self !== undefined);
    assert.equal(isAlive({ ...self, startTicks: '1' }), false);
  });

  test('is read correctly when the name of the program holds brackets and spaces', async () => {
    const child = spawn(process.execPath, [
      '-e',
      "process.title = 'a) b (c'; console.log('titled'); setInterval(() => {}, 1000)",
    ]);
    await once(child.stdout, 'data');
    assert.ok(child.pid !== undefined);
    assert.match(identify(child.pid)?.startTicks ?? '', /^\d+$/);
    child.kill('SIGKILL');
    await once(child, 'exit');
  });
});
