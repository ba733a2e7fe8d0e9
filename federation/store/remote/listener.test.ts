import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { connect } from 'node:net';
import { describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { ManualClock } from '../../../runtime/clock.ts';
import { silentLogger } from '../../../runtime/log.ts';
import { Listener } from './listener.ts';

describe('the listener of a store server', { timeout: 30_000 }, () => {
  it('closes a connection that has not logged in after ten seconds, and keeps one that has', async () => {
    const { clock, listener, dial } = await listening();
    const silent = await dial();
    const member = await dial();
    listener.confirm('127.0.0.1', member.localPort);
    const closed = once(silent, 'close');
    await clock.advance(9_900);
    assert.equal(silent.closed, false);
    await clock.advance(1_000);
    await closed;
    assert.equal(member.closed, false);
    member.destroy();
    await listener.close();
  });

  it('closes a connection that sends too much before it has logged in', async () => {
    const { clock, listener, dial, taken } = await listening();
    const loud = await dial();
    loud.on('error', () => undefined);
    const closed = once(loud, 'close');
    loud.write(Buffer.alloc(200 * 1024));
    while ((taken[0]?.bytesRead ?? 0) <= 128 * 1024) await turn();
    await clock.advance(600);
    await closed;
    await listener.close();
  });

  it('takes no more connections from one address than its share, until one of them ends', async () => {
    const { listener, dial, port } = await listening();
    const sockets: Socket[] = [];
    for (let index = 0; index < 64; index += 1) sockets.push(await dial());
    const refused = connect(port, '127.0.0.1');
    refused.on('error', () => undefined);
    await once(refused, 'close');
    const [first] = sockets;
    assert.ok(first !== undefined);
    first.destroy();
    // The listener hears of the end a moment later than the client.
    for (;;) {
      const again = connect(port, '127.0.0.1');
      again.on('error', () => undefined);
      await once(again, 'connect');
      if (await survives(again)) break;
    }
    await listener.close();
  });

  it('ends the connections that it has when it is closed', async () => {
    const { listener, dial } = await listening();
    const socket = await dial();
    const closed = once(socket, 'close');
    await listener.close();
    await closed;
  });
});

interface Listening {
  readonly clock: ManualClock;
  readonly listener: Listener;
  readonly port: number;
  readonly taken: Socket[];
  /** A connection that the listener has taken. */
  readonly dial: () => Promise<Socket>;
}

async function listening(): Promise<Listening> {
  const clock = new ManualClock();
  const taken: Socket[] = [];
  const listener = new Listener(
    { clock, log: silentLogger },
    {
      take: (socket) => {
        taken.push(socket.resume());
        socket.write('taken');
      },
    },
  );
  const port = await listener.listen({ address: '127.0.0.1', port: 0 });
  const dial = async (): Promise<Socket> => {
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'data');
    return socket;
  };
  return { clock, listener, port, taken, dial };
}

/** The listener greets what it takes and closes what it does not. */
async function survives(socket: Socket): Promise<boolean> {
  const greeted = once(socket, 'data').then(() => true);
  const closed = once(socket, 'close').then(() => false);
  return Promise.race([greeted, closed]);
}
