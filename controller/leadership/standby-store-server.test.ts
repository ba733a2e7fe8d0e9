import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { test } from 'node:test';
import { ManualClock } from '../../runtime/clock.ts';
import { silentLogger } from '../../runtime/log.ts';
import { StandbyStoreServer } from './standby-store-server.ts';

async function eventually(clock: ManualClock, isSo: () => boolean): Promise<void> {
  const signal = AbortSignal.timeout(10_000);
  while (!isSo()) {
    signal.throwIfAborted();
    await clock.advance(500);
  }
}

test('the store is served by the replica that has the port, and by the next one when that is gone', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  // A TCP server's address is an object.
  const { port } = other.address() as AddressInfo;
  const clock = new ManualClock();
  let served = 0;
  const serve = async (): Promise<{ close(): Promise<void> }> => {
    served += 1;
    return {
      close: async () => {
        served -= 1;
      },
    };
  };
  const standby = new StandbyStoreServer({ clock, log: silentLogger }, { address: '127.0.0.1', port, serve });
  await eventually(clock, () => clock.waiting > 0);
  assert.equal(served, 0);
  other.close();
  await once(other, 'close');
  await eventually(clock, () => served === 1);
  await standby.close();
  assert.equal(served, 0);
});

test('a store that cannot be served is tried again', async () => {
  const clock = new ManualClock();
  let attempts = 0;
  const serve = async (): Promise<{ close(): Promise<void> }> => {
    attempts += 1;
    if (attempts < 3) throw new Error('not yet');
    return { close: async () => undefined };
  };
  const standby = new StandbyStoreServer({ clock, log: silentLogger }, { address: '127.0.0.1', port: 0, serve });
  await eventually(clock, () => attempts === 3);
  await standby.close();
});
