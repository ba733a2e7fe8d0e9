import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compareText } from '../../federation/model/ids.ts';
import { ManualClock } from '../../runtime/clock.ts';
import { silentLogger } from '../../runtime/log.ts';
import { Metrics } from '../../runtime/metrics.ts';
import { SeededRandom } from '../../runtime/random.ts';
import type { KubeObject } from '../api/objects.ts';
import { ENDPOINT_SLICES, pathOf } from '../api/resources.ts';
import { KubeApiError, type KubeRequest, type KubeTransport, KubeUnreachableError } from '../api/transport.ts';
import { SmallServer } from '../imports/testing/small-server.fixture.ts';
import { Applier } from './applier.ts';
import { type Desired, type ObjectRef, sealManifest } from './desired.ts';
import { ECHO_WAIT_MS } from './target.ts';

/** Longer than a refused object waits at first, shorter than it waits later on. */
const WHILE_MS = 8_000;

function refOf(name: string): ObjectRef {
  return { resource: ENDPOINT_SLICES, namespace: 'shop', name };
}

function desired(name: string, value = 'x'): Desired {
  const ref = refOf(name);
  return { ref, manifest: sealManifest(ref, { fields: { addressType: 'IPv4', endpoints: [{ addresses: [value] }] } }) };
}

type Answer = (request: KubeRequest, send: () => Promise<unknown>) => Promise<unknown>;

/** An applier, and a server whose answers can be bent and whose news is told when the test says so. */
class Rig {
  readonly clock = new ManualClock();
  readonly server = new SmallServer(new SeededRandom(1));
  readonly known = new Map<string, KubeObject>();
  readonly sent: string[] = [];
  readonly applier: Applier;
  leads = true;
  answer: Answer = (_request, send) => send();

  constructor() {
    const transport: KubeTransport = {
      call: (request) => {
        this.sent.push(`${request.method} ${request.path.split('/endpointslices/')[1]}`);
        return this.answer(request, () => this.server.call(request));
      },
      lines: () => this.server.lines(),
    };
    this.applier = new Applier(
      {
        transport,
        present: (ref) => this.known.get(pathOf(ref.resource, ref)),
        mayWrite: () => this.leads,
        clock: this.clock,
        random: new SeededRandom(2),
        log: silentLogger,
        metrics: new Metrics(),
      },
      { concurrency: 2 },
    );
  }

  tell(): void {
    for (const { path, object } of this.server.news.splice(0)) {
      if (object === undefined) this.known.delete(path);
      else this.known.set(path, object);
      this.applier.recheck(refOf(path.split('/').at(-1) ?? ''));
    }
  }

  object(name: string): KubeObject | undefined {
    return this.server.objects.get(pathOf(ENDPOINT_SLICES, refOf(name)));
  }

  /** As others do. */
  put(name: string, labels: Readonly<Record<string, string>>): void {
    const object: KubeObject = { metadata: { namespace: 'shop', name, uid: 'theirs', resourceVersion: '7', labels } };
    this.server.objects.set(pathOf(ENDPOINT_SLICES, refOf(name)), object);
  }

  /** The removal of what is there now. */
  remove(name: string): void {
    this.applier.remove({ ref: refOf(name), uid: this.object(name)?.metadata.uid ?? '' });
  }
}

function refusal(status: number, retryAfterMs?: number): KubeApiError {
  return new KubeApiError('no', { status, reason: `Http${status}`, retryAfterMs });
}

test('an object that is as it shall be is written once, and its own news causes no write', async () => {
  const rig = new Rig();
  rig.applier.want(desired('a'));
  await rig.applier.settled();
  rig.applier.want(desired('a'));
  rig.tell();
  await rig.applier.settled();
  rig.applier.recheckAll();
  await rig.applier.settled();
  assert.deepEqual(rig.sent, ['PATCH a']);
});

test('of several wishes for one object the newest is written', async () => {
  const rig = new Rig();
  for (let index = 0; index < 100; index += 1) rig.applier.want(desired('a', `10.0.0.${index}`));
  await rig.applier.settled();
  rig.tell();
  await rig.applier.settled();
  assert.match(JSON.stringify(rig.object('a')), /10\.0\.0\.99/);
  // The first one, and the last: created already, which is found out, read and applied.
  assert.deepEqual(rig.sent, ['PATCH a', 'PATCH a', 'GET a', 'PATCH a']);
});

for (const status of [400, 403, 413, 422]) {
  test(`an object that is refused with ${status} is told of, keeps no other from being written, and is tried again`, async () => {
    const rig = new Rig();
    rig.answer = ({ path }, send) => (path.endsWith('/bad') ? Promise.reject(refusal(status)) : send());
    for (const name of ['bad', 'a', 'b', 'c']) rig.applier.want(desired(name));
    await rig.applier.settled();
    assert.deepEqual([...rig.server.objects.keys()].map((path) => path.split('/').at(-1) ?? '').toSorted(compareText), [
      'a',
      'b',
      'c',
    ]);
    assert.deepEqual(
      [...rig.applier.problems.values()].map(({ ref, reason }) => [ref.name, reason]),
      [['bad', `Http${status}`]],
    );
    rig.answer = (_request, send) => send();
    await rig.clock.advance(WHILE_MS);
    await rig.applier.settled();
    assert.ok(rig.object('bad'));
    assert.equal(rig.applier.problems.size, 0);
  });
}

test('a server that refuses is asked ever less often, and at once when something else is wanted', async () => {
  const rig = new Rig();
  rig.answer = () => Promise.reject(refusal(422));
  rig.applier.want(desired('a'));
  await rig.clock.advance(60_000);
  const inFirstMinute = rig.sent.length;
  await rig.clock.advance(3_600_000);
  const inAnHour = rig.sent.length - inFirstMinute;
  assert.ok(inFirstMinute <= 8 && inAnHour <= 40, `${inFirstMinute} then ${inAnHour} attempts`);
  rig.sent.length = 0;
  rig.applier.want(desired('a'));
  await rig.applier.settled();
  assert.deepEqual(rig.sent, []);
  rig.applier.want(desired('a', 'y'));
  await rig.applier.settled();
  assert.deepEqual(rig.sent, ['PATCH a']);
});

test('a server that says when to come back is not asked before', async () => {
  const rig = new Rig();
  rig.answer = () => Promise.reject(refusal(429, 20_000));
  rig.applier.want(desired('a'));
  await rig.clock.advance(19_900);
  assert.equal(rig.sent.length, 1);
  rig.answer = (_request, send) => send();
  await rig.clock.advance(20_000);
  assert.ok(rig.object('a'));
  assert.equal(rig.applier.problems.size, 0);
});

test('a write whose answer is lost is made again, and comes out the same', async () => {
  const rig = new Rig();
  let isLost = true;
  rig.answer = async (_request, send) => {
    const answer = await send();
    if (!isLost) return answer;
    isLost = false;
    throw new KubeUnreachableError('reset');
  };
  rig.applier.want(desired('a'));
  await rig.clock.advance(WHILE_MS);
  rig.tell();
  await rig.applier.settled();
  assert.match(JSON.stringify(rig.object('a')), /"x"/);
  assert.equal(rig.applier.problems.size, 0);
});

test('an object that a user deletes before the answer to our write is here is made again', async () => {
  const rig = new Rig();
  let isFirst = true;
  rig.answer = async ({ path }, send) => {
    const answer = await send();
    if (isFirst) {
      isFirst = false;
      rig.server.delete(path);
      rig.tell();
    }
    return answer;
  };
  rig.applier.want(desired('a'));
  await rig.applier.settled();
  assert.ok(rig.object('a'));
});

test('news of an earlier write of ours, told after a later one, causes no write', async () => {
  const rig = new Rig();
  rig.applier.want(desired('a'));
  await rig.applier.settled();
  rig.tell();
  await rig.applier.settled();
  rig.applier.want(desired('a', 'y'));
  await rig.applier.settled();
  rig.applier.want(desired('a', 'z'));
  await rig.applier.settled();
  assert.equal(rig.sent.length, 3);
  rig.tell();
  await rig.applier.settled();
  assert.equal(rig.sent.length, 3);
});

test('a write that the watch never tells of is looked at again by itself', async () => {
  const rig = new Rig();
  rig.applier.want(desired('a'));
  await rig.applier.settled();
  rig.server.objects.clear();
  rig.server.news.length = 0;
  await rig.clock.advance(2 * ECHO_WAIT_MS);
  await rig.applier.settled();
  assert.ok(rig.object('a'));
});

test('what others change is put back, and what they delete comes back', async () => {
  const rig = new Rig();
  rig.applier.want(desired('a'));
  await rig.applier.settled();
  rig.tell();
  const path = pathOf(ENDPOINT_SLICES, refOf('a'));
  const uid = rig.object('a')?.metadata.uid;
  rig.server.edit(path);
  rig.tell();
  await rig.applier.settled();
  assert.ok(rig.object('a')?.metadata.annotations?.['isthmus.dev/applied']);
  rig.tell();
  rig.server.delete(path);
  rig.tell();
  await rig.applier.settled();
  assert.notEqual(rig.object('a')?.metadata.uid, uid);
});

test('an object of somebody else is never written, and written when it is gone', async () => {
  const rig = new Rig();
  rig.put('a', { app: 'mine' });
  rig.applier.want(desired('a'));
  await rig.applier.settled();
  assert.deepEqual(rig.object('a')?.metadata.labels, { app: 'mine' });
  assert.deepEqual(
    [...rig.applier.problems.values()].map(({ reason }) => reason),
    ['Conflict'],
  );
  rig.server.delete(pathOf(ENDPOINT_SLICES, refOf('a')));
  await rig.clock.advance(WHILE_MS);
  assert.equal(rig.object('a')?.metadata.labels?.['app.kubernetes.io/managed-by'], 'isthmus');
  assert.equal(rig.applier.problems.size, 0);
});

test('only the object that was meant is deleted, not a later one of its name', async () => {
  const rig = new Rig();
  rig.applier.want(desired('a'));
  await rig.applier.settled();
  rig.tell();
  rig.remove('a');
  rig.put('a', {});
  await rig.applier.settled();
  assert.equal(rig.object('a')?.metadata.uid, 'theirs');
});

test('a follower writes nothing and knows what to write, and writes it when it leads', async () => {
  const rig = new Rig();
  rig.leads = false;
  rig.applier.want(desired('a'));
  await rig.applier.settled();
  await rig.clock.advance(WHILE_MS);
  assert.deepEqual(rig.sent, []);
  rig.leads = true;
  rig.applier.recheckAll();
  await rig.applier.settled();
  assert.ok(rig.object('a'));
});

test('one that loses the lead stops at once, retries included', async () => {
  const rig = new Rig();
  rig.answer = () => Promise.reject(refusal(500));
  rig.applier.want(desired('a'));
  await rig.applier.settled();
  rig.leads = false;
  rig.sent.length = 0;
  await rig.clock.advance(600_000);
  assert.deepEqual(rig.sent, []);
});

test('after it was closed nothing is written, nothing removed, and no timer waits', async () => {
  const rig = new Rig();
  rig.applier.want(desired('a'));
  await rig.applier.settled();
  rig.answer = () => Promise.reject(refusal(500));
  rig.applier.want(desired('b'));
  await rig.applier.settled();
  rig.applier.close();
  rig.sent.length = 0;
  rig.applier.want(desired('c'));
  rig.remove('a');
  rig.applier.recheckAll();
  await rig.applier.settled();
  assert.deepEqual(rig.sent, []);
  assert.ok(rig.object('a'));
  assert.equal(rig.clock.waiting, 0);
});
