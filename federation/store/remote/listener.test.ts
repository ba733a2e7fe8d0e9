import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { connect } from 'node:net';
import { describe, it } from 'node:test';
import { ManualClock } from '../../../runtime/clock.ts';
import { silentLogger } from '../../../runtime/log.ts';
import { Listener } from './listener.ts';

describe('the listener of a store server', { timeout: 30_000 }, () => {
  it('closes a connection that has not logged in after ten seconds, and keeps one that has', async () => {
    const { clock, listener, port, taken } = await listening();
    const [silent, member] = [connect(port, '127.0.0.1'), connect(port, '127.0.0.1')];
    await Promise.all([once(silent, 'connect'), once(member, 'connect')]);
    while (taken.length < 2) await once(silent, 'ready').catch(() => undefined);
    listener.confirm('127.0.0.1', member.localPort);
    const closed = once(silent, 'close');
    await clock.advance(10_600);
    await closed;
    assert.equal(member.destroyed, false);
    member.destroy();
    await listener.close();
  });
});

async function listening(): Promise<{ clock: ManualClock; listener: Listener; port: number; taken: Socket[] }> {
  const clock = new ManualClock();
  const taken: Socket[] = [];
  const listener = new Listener({ clock, log: silentLogger }, { take: (socket) => taken.push(socket.resume()) });
  const port = await listener.listen({ address: '127.0.0.1', port: 0 });
  return { clock, listener, port, taken };
}
