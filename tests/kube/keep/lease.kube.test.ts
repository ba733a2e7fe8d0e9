import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { describeLeases } from '../../../federation/store/conformance/boards.fixture.ts';
import { LEASES, NAMESPACES } from '../../../kubernetes/api/resources.ts';
import { KubeApiError, KubeUnreachableError } from '../../../kubernetes/api/transport.ts';
import type { LeaseObject } from '../../../kubernetes/lease/lease-object.ts';
import { KubeLeaseBoard } from '../../../kubernetes/lease/lease-board.ts';
import { SystemClock } from '../../../runtime/clock.ts';
import { type KubeServer, startKubeServer } from '../server.ts';

/** The contract of a lease board, and what is special about one on an API server. */
const clock = new SystemClock();
const HOUR_MS = 3_600_000;
let server: KubeServer;
let namespaces = 0;

before(async () => {
  server = await startKubeServer({ name: 'lease' });
});
after(() => server[Symbol.asyncDispose]());

async function newNamespace(): Promise<string> {
  const name = `leases-${namespaces++}`;
  await server.admin.create(NAMESPACES, { metadata: { name } });
  return name;
}

function boardIn(namespace: string): KubeLeaseBoard {
  const objectName = (lease: string): string => `l-${lease.replaceAll('/', '.')}`;
  return new KubeLeaseBoard({ transport: server.admin, clock }, { namespace, objectName });
}

function leaseIn(namespace: string): Promise<LeaseObject | undefined> {
  return server.admin.get<LeaseObject>(LEASES, { namespace, name: 'l-east' });
}

describe('the contract of lease boards', () => {
  describeLeases(async () => {
    const namespace = await newNamespace();
    return {
      store: { lease: boardIn(namespace) },
      second: { lease: boardIn(namespace) },
      close: () => Promise.resolve(),
    };
  });
});

test('a board that has just come to know a lease waits for it whole, however old its renewal says it is', async () => {
  const namespace = await newNamespace();
  await boardIn(namespace).acquire('east', 'a', 1_000);
  const object = await leaseIn(namespace);
  assert.ok(object?.spec !== undefined);
  const past = { ...object.spec, renewTime: '2001-01-01T00:00:00.000000Z' };
  await server.admin.patch(LEASES, { namespace, name: 'l-east' }, { type: 'merge', body: { spec: past } });
  const newcomer = boardIn(namespace);
  const seen = await newcomer.acquire('east', 'b', 1_000);
  assert.equal(seen.holder, 'a');
  assert.ok(seen.expiresInMs > 500 && seen.expiresInMs <= 1_000);
  const sinceMs = clock.monotonicMs();
  while ((await newcomer.acquire('east', 'b', HOUR_MS)).holder !== 'b') await sleep(20);
  assert.ok(clock.monotonicMs() - sinceMs > 900);
});

test('a holder renews with one call, and hears at once that another one has taken over', async () => {
  const namespace = await newNamespace();
  const calls: string[] = [];
  const { admin } = server;
  const transport = {
    call: (request: Parameters<typeof admin.call>[0]) => {
      calls.push(request.method);
      return admin.call(request);
    },
    lines: admin.lines.bind(admin),
  };
  const mine = new KubeLeaseBoard({ transport, clock }, { namespace, objectName: (lease) => `l-${lease}` });
  await mine.acquire('east', 'a', 1_000);
  calls.length = 0;
  await mine.acquire('east', 'a', 1_000);
  assert.deepEqual(calls, ['PUT']);
  const other = boardIn(namespace);
  while ((await other.acquire('east', 'b', HOUR_MS)).holder !== 'b') await sleep(20);
  const lost = await mine.acquire('east', 'a', 1_000);
  assert.deepEqual([lost.holder, lost.transitions], ['b', 2]);
});

test('a lease that somebody deletes is nobody else’s before its time, and its transitions go on', async () => {
  const namespace = await newNamespace();
  const [mine, other] = [boardIn(namespace), boardIn(namespace)];
  await mine.acquire('east', 'a', HOUR_MS);
  await mine.release('east', 'a');
  assert.equal((await mine.acquire('east', 'a', HOUR_MS)).transitions, 2);
  assert.equal((await other.acquire('east', 'b', HOUR_MS)).holder, 'a');
  await server.admin.delete(LEASES, { namespace, name: 'l-east' });
  assert.equal((await other.acquire('east', 'b', HOUR_MS)).holder, 'a');
  const again = await mine.acquire('east', 'a', HOUR_MS);
  assert.deepEqual([again.holder, again.transitions], ['a', 2]);
  assert.equal((await other.acquire('east', 'b', HOUR_MS)).holder, 'a');
});

test('labels of others on the object stay, and kubectl sees holder, duration and transitions', async () => {
  const namespace = await newNamespace();
  const board = boardIn(namespace);
  await board.acquire('east', 'a', 6_000);
  const body = { metadata: { labels: { team: 'net' } } };
  await server.admin.patch(LEASES, { namespace, name: 'l-east' }, { type: 'merge', body });
  await board.acquire('east', 'a', 6_000);
  const object = await leaseIn(namespace);
  assert.equal(object?.metadata.labels?.['team'], 'net');
  assert.equal(object?.spec?.holderIdentity, 'a');
  assert.equal(object?.spec?.leaseDurationSeconds, 6);
  assert.equal(object?.spec?.leaseTransitions, 1);
});

test('without the namespace, or without an answer, nothing is concluded', async () => {
  await assert.rejects(boardIn('nowhere').acquire('east', 'a', HOUR_MS), (error) => {
    return error instanceof KubeApiError && error.status === 404;
  });
  const namespace = await newNamespace();
  const board = boardIn(namespace);
  await board.acquire('east', 'a', HOUR_MS);
  await server.kill();
  try {
    await assert.rejects(board.acquire('east', 'a', HOUR_MS), KubeUnreachableError);
  } finally {
    await server.restart();
  }
  assert.deepEqual((await board.acquire('east', 'a', HOUR_MS)).transitions, 1);
});
