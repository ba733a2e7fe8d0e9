import assert from 'node:assert/strict';
import { test } from 'node:test';
import { installedPrograms } from '../../../tests/redis/programs.ts';
import { startServer } from '../../../tests/redis/server.ts';
import { TEST_TIMEOUT } from '../conformance/rig.fixture.ts';
import { parseRedisAddress } from './address.ts';
import { Calls } from './calls.ts';
import { RedisConnection } from './connection.ts';
import { RedisNode } from './node.ts';
import { redisComponents } from './rig.fixture.ts';
import type { Routing } from './routing.ts';

const [program = 'valkey'] = installedPrograms('calls of a store');

test('what waits for its turn at a node that is given up goes to the one in its place', TEST_TIMEOUT, async () => {
  await using server = await startServer({ program });
  const components = redisComponents();
  const address = parseRedisAddress(server.url);
  const [place] = address.places;
  assert.ok(place !== undefined);
  const open = (name: string): RedisNode =>
    new RedisNode(components, { name, dial: () => RedisConnection.open(components, { place, address, name }) });
  const [given, next] = [open('given'), open('next')];
  let present = given;
  const routing: Routing = {
    nodeOf: async () => present,
    nodeForNotices: async () => present,
    primaries: async () => [present],
    heed: async () => undefined,
    suspect: () => undefined,
    close: () => undefined,
  };
  const calls = new Calls(components, { routing });
  const held = Promise.withResolvers<void>();
  const first = calls.write('key', () => held.promise);
  const second = calls.write('key', async (connection) => connection.call([['PING']]));
  await new Promise((resolve) => setImmediate(resolve));
  present = next;
  given.close();
  held.resolve();
  await first;
  assert.deepEqual((await second).map(String), ['PONG']);
  next.close();
});
