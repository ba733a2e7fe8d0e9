import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../runtime/clock.ts';
import { silentLogger } from '../runtime/log.ts';
import { AddressResolver } from './address-resolver.ts';

type Answers = Record<string, () => Promise<readonly string[]>>;

function resolving(answers: Answers) {
  const clock = new ManualClock();
  const told: Record<string, readonly string[]>[] = [];
  const asked: string[] = [];
  const resolver = new AddressResolver(
    {
      clock,
      log: silentLogger,
      lookup: (host) => {
        asked.push(host);
        return answers[host]?.() ?? Promise.reject(new Error('ENOTFOUND'));
      },
    },
    {
      refuse: (address) => (address.startsWith('127.') ? 'loopback' : undefined),
      onChange: (addresses) => void told.push(Object.fromEntries(addresses)),
    },
  );
  return { clock, resolver, told, asked };
}

const is =
  (...addresses: readonly string[]) =>
  () =>
    Promise.resolve(addresses);
const never = () => new Promise<never>(() => undefined);

test('a name is resolved at once, and its addresses come sorted and once each', async () => {
  const { clock, resolver, told } = resolving({ a: is('192.0.2.2', '192.0.2.1', '192.0.2.2') });
  resolver.want(['a']);
  await clock.advance(0);
  assert.deepEqual(told, [{ a: ['192.0.2.1', '192.0.2.2'] }]);
});

test('one name whose servers hang delays no other', async () => {
  const { clock, resolver, told } = resolving({ a: never, b: is('192.0.2.1'), c: is('192.0.2.2') });
  resolver.want(['a', 'b', 'c']);
  await clock.advance(0);
  assert.deepEqual(told.at(-1), { b: ['192.0.2.1'], c: ['192.0.2.2'] });
});

test('the last good answer stays when a name fails, is empty, or turns to addresses that may not be used', async () => {
  const answers: Answers = { a: is('192.0.2.1') };
  const { clock, resolver, told, asked } = resolving(answers);
  resolver.want(['a']);
  await clock.advance(0);
  for (const bad of [() => Promise.reject(new Error('SERVFAIL')), is(), is('127.0.0.1')]) {
    answers['a'] = bad;
    await clock.advance(15_000);
  }
  assert.deepEqual([asked.length, told], [4, [{ a: ['192.0.2.1'] }]]);
});

test('names that nobody wants any more are forgotten and not asked again', async () => {
  const { clock, resolver, told, asked } = resolving({ a: is('192.0.2.1') });
  resolver.want(['a']);
  await clock.advance(0);
  resolver.want([]);
  await clock.advance(60_000);
  assert.deepEqual([asked, told.at(-1), clock.waiting], [['a'], {}, 0]);
});

test('nothing is told after close, even by a look-up that was under way', async () => {
  const answer = Promise.withResolvers<readonly string[]>();
  const { clock, resolver, told } = resolving({ a: () => answer.promise });
  resolver.want(['a']);
  await clock.advance(0);
  resolver.close();
  answer.resolve(['192.0.2.1']);
  await clock.advance(60_000);
  assert.deepEqual([told, clock.waiting], [[], 0]);
});
