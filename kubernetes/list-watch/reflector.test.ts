/** What a real API server does not do on demand: its patience, its oddities, its time. The rest is in tests/kube/list-watch. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../../runtime/clock.ts';
import { silentLogger } from '../../runtime/log.ts';
import { Metrics } from '../../runtime/metrics.ts';
import { SeededRandom } from '../../runtime/random.ts';
import { CONFIG_MAPS } from '../api/resources.ts';
import { KubeApiError, type KubeRequest, type KubeTransport } from '../api/transport.ts';
import { Reflector, SILENCE_LIMIT_MS } from './reflector.ts';

/** Answers lists in order, the last one for ever; a watch tells what it was given and then is silent. */
class ScriptedServer implements KubeTransport {
  readonly asked: string[] = [];
  readonly lists: (() => unknown)[];
  readonly watches: (readonly string[])[] = [];

  constructor(...lists: (() => unknown)[]) {
    this.lists = lists;
  }

  async call({ query }: KubeRequest): Promise<unknown> {
    this.asked.push(`list ${query?.['continue'] ?? ''}`.trim());
    const answer = this.lists.length > 1 ? this.lists.shift() : this.lists[0];
    return answer?.();
  }

  async *lines({ query, signal, onOpen }: KubeRequest): AsyncGenerator<string> {
    this.asked.push(`watch ${query?.['resourceVersion'] ?? ''}`);
    onOpen?.();
    yield* this.watches.shift() ?? [];
    await new Promise((_resolve, reject) => {
      signal?.addEventListener('abort', () => reject(signal.reason as Error)); // a reason of ours is an Error
    });
  }
}

function list(version: string, names: readonly string[], next?: string): unknown {
  const metadata = { resourceVersion: version, ...(next === undefined ? {} : { continue: next }) };
  return { metadata, items: names.map((name) => ({ metadata: { name, resourceVersion: version } })) };
}

function line(type: string, name: string, resourceVersion: string): string {
  return JSON.stringify({ type, object: { metadata: { name, resourceVersion } } });
}

function reflectorOf(transport: ScriptedServer, clock: ManualClock): Reflector<string> {
  const parts = { transport, clock, random: new SeededRandom(1), log: silentLogger, metrics: new Metrics() };
  return new Reflector<string>(parts, { resource: CONFIG_MAPS, project: ({ metadata }) => metadata.resourceVersion });
}

test('a server that asks for patience is asked again after it, and for the same page', async () => {
  const clock = new ManualClock();
  const server = new ScriptedServer(
    () => list('5', ['a'], 'more'),
    () => {
      throw new KubeApiError('slow down', { status: 429, reason: 'TooManyRequests', retryAfterMs: 9_000 });
    },
    () => list('5', ['b']),
  );
  const reflector = reflectorOf(server, clock);
  reflector.start();
  await clock.advance(8_999);
  assert.deepEqual(server.asked, ['list', 'list more']);
  assert.deepEqual([reflector.state, reflector.synced], ['failing', false]);
  await clock.advance(1);
  assert.deepEqual(server.asked, ['list', 'list more', 'list more', 'watch 5']);
  assert.deepEqual([[...reflector.objects.keys()], reflector.state], [['a', 'b'], 'current']);
  await reflector.close();
});

test('lines of types that do not exist yet are passed over, and garbage is asked for again', async () => {
  const clock = new ManualClock();
  const server = new ScriptedServer(
    () => list('5', []),
    () => list('7', ['a']),
  );
  server.watches.push([line('FUTURE', 'x', '6'), line('ADDED', 'a', '7'), '{"type":'], [line('ADDED', 'b', '8')]);
  const reflector = reflectorOf(server, clock);
  reflector.start();
  await clock.advance(1_000);
  assert.deepEqual(
    [...reflector.objects],
    [
      ['a', '7'],
      ['b', '8'],
    ],
  );
  assert.deepEqual(server.asked, ['list', 'watch 5', 'list', 'watch 7']);
  await reflector.close();
});

test('a watch that is silent for too long is left, and one that talks is not', async () => {
  const clock = new ManualClock();
  const server = new ScriptedServer(() => list('5', []));
  const reflector = reflectorOf(server, clock);
  reflector.start();
  await clock.advance(SILENCE_LIMIT_MS - 1);
  assert.deepEqual(server.asked, ['list', 'watch 5']);
  await clock.advance(1);
  assert.deepEqual(server.asked, ['list', 'watch 5', 'list', 'watch 5']);
  await reflector.close();
});

test('many changes at once are one call, and each is told in its newest form', async () => {
  const clock = new ManualClock();
  const server = new ScriptedServer(() => list('5', ['a']));
  server.watches.push([
    line('MODIFIED', 'a', '6'),
    line('ADDED', 'b', '7'),
    line('MODIFIED', 'a', '8'),
    line('DELETED', 'b', '9'),
  ]);
  const reflector = reflectorOf(server, clock);
  const calls: unknown[] = [];
  reflector.onChange(({ changed }) => calls.push([...changed]));
  reflector.start();
  await clock.advance(100);
  assert.deepEqual(calls, [
    [
      ['a', '8'],
      ['b', undefined],
    ],
  ]);
  await reflector.close();
});
