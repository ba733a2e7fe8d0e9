/** An explicit failover order given, changed and taken away under load: traffic moves, and no caller notices more than that. */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { callHttp, whoHttp, whoTcp } from './clients.ts';
import type { Mesh } from './mesh.ts';
import { DB, startMesh, WEB } from './mesh.ts';
import { failures, load } from './open-loop.ts';
import { waitFor } from './wait.ts';

let mesh: Mesh;
before(async () => {
  mesh = await startMesh();
});
after(() => mesh[Symbol.asyncDispose]());

/** Who serves first by each of them, the own cluster being `a`. */
const ORDERS: readonly { readonly order: readonly string[] | undefined; readonly first: string }[] = [
  { order: ['cluster c', 'cluster a', 'cluster b'], first: 'c' },
  { order: ['cluster b', 'cluster c', 'cluster a'], first: 'b' },
  { order: undefined, first: 'a' },
  { order: ['network net-b', 'cluster a'], first: 'b' },
  { order: ['cluster a', 'cluster c'], first: 'a' },
  { order: ['cluster c', 'cluster b', 'cluster a'], first: 'c' },
];
const EVERYBODY = ['a', 'b', 'c'];

function give(order: readonly string[] | undefined): Promise<void> {
  return mesh.tell('a', (scenario) => (order === undefined ? scenario : { ...scenario, failover: { shop: order } }));
}

function port(service: string): number {
  return mesh.egress[service] ?? assert.fail(`${service} is not imported`);
}

async function postHttp(): Promise<string> {
  const { status, who } = await callHttp(port(WEB), '/who', { method: 'POST' });
  return status === 200 ? who : `status ${status}`;
}

async function served(call: () => Promise<string>): Promise<ReadonlySet<string>> {
  return new Set(await Promise.all(Array.from({ length: 10 }, call)));
}

/** A TCP connection that stays. `ask` answers `held` as long as it does. */
async function hold(): Promise<Disposable & { readonly ask: () => Promise<string> }> {
  const socket = connect({ host: '127.0.0.1', port: port(DB) });
  socket.on('error', () => undefined); // `close` follows
  const lost = new Promise<string>((resolve) => socket.once('close', () => resolve('lost')));
  const ask = (): Promise<string> => {
    const answer = new Promise<string>((resolve) => socket.once('data', (chunk) => resolve(chunk.toString('latin1'))));
    socket.write('held');
    return Promise.race([answer, lost]);
  };
  await waitFor('it is connected', () => socket.readyState === 'open');
  socket.write('echo\n');
  return { ask, [Symbol.dispose]: () => void socket.destroy() };
}

describe('an order that changes under 300 calls a second', () => {
  test('moves all new HTTP requests and TCP connections each time, fails none, and leaves a held connection where it is', async () => {
    using held = await hold();
    assert.equal(await held.ask(), 'held');
    const moved: string[] = [];
    const flips = async (): Promise<void> => {
      for (const { order, first } of ORDERS) {
        await give(order);
        for (const call of [() => whoHttp(port(WEB)), postHttp, () => whoTcp(port(DB))]) {
          // The last request of the old order may still be under way; the new one holds from the first answer on.
          await waitFor(`${first} serves`, async () => [...(await served(call))].join(' ') === first, 5_000);
        }
        moved.push(first);
      }
    };
    const event = { atSeconds: 0.3, run: flips };
    const plan = { perSecond: 100, seconds: 4, event };
    const idle = { perSecond: 100, seconds: 4 };
    const [get, post, tcp] = await Promise.all([
      load(() => whoHttp(port(WEB)), plan),
      load(postHttp, idle),
      load(() => whoTcp(port(DB)), idle),
    ]);
    assert.deepEqual(failures([...get, ...post, ...tcp], EVERYBODY), []);
    assert.deepEqual(
      moved,
      ORDERS.map(({ first }) => first),
    );
    for (const outcomes of [get, post, tcp]) {
      assert.deepEqual([...new Set(outcomes.map(({ answer }) => answer))].sort(), EVERYBODY);
    }
    assert.equal(await held.ask(), 'held');
  });
});

describe('own pods that do not come first', () => {
  test('serve when those before them are all gone, without a failed call', async () => {
    await give(['cluster c', 'cluster a']);
    await waitFor('c serves', async () => (await whoHttp(port(WEB))) === 'c' && (await whoTcp(port(DB))) === 'c');
    const event = { atSeconds: 0.5, run: () => mesh.c.gateway.kill() };
    const [get, tcp] = await Promise.all([
      load(() => whoHttp(port(WEB)), { perSecond: 150, seconds: 2, event }),
      load(() => whoTcp(port(DB)), { perSecond: 100, seconds: 2 }),
    ]);
    assert.deepEqual(failures(get, ['a', 'c']), []);
    // What the kill catches open cannot be replayed.
    assert.ok(failures(tcp, ['a', 'c']).length <= 5, JSON.stringify(failures(tcp, ['a', 'c'])));
    assert.equal(await whoHttp(port(WEB)), 'a');
    assert.equal(await whoTcp(port(DB)), 'a');
  });
});
