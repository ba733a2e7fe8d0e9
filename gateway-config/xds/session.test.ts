import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Resource, resourcesOf, type Snapshot, TYPE_ORDER, TYPE_URL, type TypeUrl } from '../snapshot.ts';
import { Continuity } from './continuity.ts';
import { shortType } from './gateway-streams.ts';
import { ModelClient } from './model-client.fixture.ts';
import { REFERRERS_WAIT_MS, type SessionEffect, XdsSession } from './session.ts';
import { RESPONSE_BYTES_MAX } from './type-stream.ts';
import { diffSnapshots } from './snapshot-diff.ts';

type Content = Partial<Record<keyof typeof TYPE_URL, Readonly<Record<string, string>>>>;

/** type -> name -> version */
function snapshotOf(content: Content): Snapshot {
  const resources = new Map<TypeUrl, Map<string, Resource>>();
  for (const [short, versions] of Object.entries(content)) {
    const type = TYPE_URL[short as keyof typeof TYPE_URL]; // the keys of Content
    const named = Object.entries(versions).map(
      ([name, version]) => [name, { name, version, encoded: new Uint8Array(8) }] as const,
    );
    resources.set(type, new Map(named));
  }
  return { resources };
}

/** A session and a model of Envoy, and everything that was said between them. */
class Pair {
  readonly said: string[] = [];
  readonly continuity = new Continuity();
  readonly refused: string[] = [];
  client = new ModelClient();
  nowMs = 0;
  #session = new XdsSession({ continuity: this.continuity });
  #snapshot: Snapshot = snapshotOf({});
  #wire: Extract<SessionEffect, { kind: 'send' }>[] = [];

  connect(client = this.client): void {
    this.client = client;
    this.#wire = [];
    this.#session = new XdsSession({ continuity: this.continuity });
    this.#apply(this.#session.step({ kind: 'snapshot', snapshot: this.#snapshot, changes: new Map() }, this.nowMs));
    client.connect();
  }

  set(content: Content): void {
    const snapshot = snapshotOf(content);
    const changes = diffSnapshots(this.#snapshot, snapshot);
    this.#snapshot = snapshot;
    this.#apply(this.#session.step({ kind: 'snapshot', snapshot, changes }, this.nowMs));
  }

  /** One message in one direction. False when nothing is on its way. */
  deliver(direction: 'to client' | 'to server'): boolean {
    if (direction === 'to client') {
      const response = this.#wire.shift();
      if (response !== undefined) this.client.receive(response);
      return response !== undefined;
    }
    const request = this.client.nextRequest();
    if (request !== undefined) this.#apply(this.#session.step({ kind: 'request', request }, this.nowMs));
    return request !== undefined;
  }

  settle(): void {
    for (let messages = 0; messages < 10_000; messages++) {
      if (!this.deliver('to server') && !this.deliver('to client')) return;
    }
    assert.fail('the two never stop talking');
  }

  pass(durationMs: number): void {
    this.nowMs += durationMs;
    this.#apply(this.#session.step({ kind: 'time' }, this.nowMs));
  }

  transport(state: 'full' | 'drained'): void {
    this.#apply(this.#session.step({ kind: 'transport', state }, this.nowMs));
  }

  get snapshot(): Snapshot {
    return this.#snapshot;
  }

  #apply(effects: readonly SessionEffect[]): void {
    for (const effect of effects) {
      if (effect.kind === 'refused') this.refused.push(`${shortType(effect.type)} ${effect.name}@${effect.version}`);
      if (effect.kind !== 'send') continue;
      this.#wire.push(effect);
      const changed = effect.resources.map(({ name, version }) => `${name}@${version}`);
      const gone = effect.removed.map((name) => `-${name}`);
      this.said.push([shortType(effect.type), ...changed, ...gone].join(' '));
    }
  }
}

function connected(content: Content): Pair {
  const pair = new Pair();
  pair.set(content);
  pair.connect();
  pair.settle();
  pair.said.length = 0;
  return pair;
}

const ONE = { cluster: { a: 'c1' }, endpoints: { a: 'e1' }, listener: { l: 'l1' }, route: { l: 'r1' } };

test('a new client is told everything, referred before referring', () => {
  const pair = new Pair();
  pair.set(ONE);
  pair.connect();
  pair.settle();
  assert.deepEqual(pair.said, ['cluster a@c1', 'endpoints a@e1', 'listener l@l1', 'route l@r1']);
});

test('a client that presents what is current is told that nothing is new, and gets no resource', () => {
  const pair = connected(ONE);
  pair.connect();
  pair.settle();
  assert.deepEqual(pair.said, ['cluster', 'listener']);
});

test('nothing is said before the first snapshot, however long it takes', () => {
  const session = new XdsSession({});
  const client = new ModelClient();
  client.connect();
  for (let request = client.nextRequest(); request !== undefined; request = client.nextRequest()) {
    assert.deepEqual(session.step({ kind: 'request', request }, 0), []);
  }
});

test('only what changed is sent, and equal content is never sent again', () => {
  const pair = connected(ONE);
  pair.set({ ...ONE, endpoints: { a: 'e2' } });
  pair.settle();
  pair.set({ ...ONE, endpoints: { a: 'e2' } });
  pair.settle();
  assert.deepEqual(pair.said, ['endpoints a@e2']);
});

test('a changed cluster gets its endpoints again at once, although they did not change', () => {
  const pair = connected(ONE);
  pair.set({ ...ONE, cluster: { a: 'c2' } });
  assert.deepEqual(pair.said, ['cluster a@c2', 'endpoints a@e1']);
  pair.settle();
  assert.equal(pair.client.warming.size, 0);
});

test('endpoints that were on their way when their cluster changed come once more after it', () => {
  const pair = connected(ONE);
  pair.set({ ...ONE, endpoints: { a: 'e2' } });
  pair.set({ ...ONE, endpoints: { a: 'e2' }, cluster: { a: 'c2' } });
  pair.settle();
  assert.deepEqual(pair.said, ['endpoints a@e2', 'cluster a@c2', 'endpoints a@e2']);
  assert.equal(pair.client.warming.size, 0);
});

test('a cluster that still warmed when the stream broke gets its endpoints on the next one', () => {
  const pair = connected(ONE);
  pair.set({ ...ONE, cluster: { a: 'c2' } });
  pair.deliver('to client');
  assert.deepEqual([...pair.client.warming], ['a']);
  pair.connect();
  pair.settle();
  assert.equal(pair.client.warming.size, 0);
});

test('a new route waits until its new cluster and the endpoints are acknowledged', () => {
  const pair = connected(ONE);
  pair.set({
    cluster: { a: 'c1', b: 'c1' },
    endpoints: { a: 'e1', b: 'e1' },
    listener: { l: 'l1' },
    route: { l: 'r2' },
  });
  assert.deepEqual(pair.said, ['cluster b@c1']);
  pair.settle();
  assert.deepEqual(pair.said, ['cluster b@c1', 'endpoints b@e1', 'route l@r2']);
});

test('a route waits for a client that does not acknowledge clusters for a second, not longer', () => {
  const pair = connected(ONE);
  pair.set({ ...ONE, cluster: { a: 'c2' }, route: { l: 'r2' } });
  pair.pass(REFERRERS_WAIT_MS - 1);
  assert.ok(!pair.said.includes('route l@r2'));
  pair.pass(1);
  assert.ok(pair.said.includes('route l@r2'));
});

test('a cluster goes only after the routes and listeners that named it have gone', () => {
  const pair = connected({
    cluster: { a: 'c1', b: 'c1' },
    endpoints: { a: 'e1', b: 'e1' },
    listener: { l: 'l1', m: 'l1' },
    route: { l: 'r1', m: 'r1' },
  });
  pair.set({ ...ONE, route: { l: 'r2' } });
  assert.deepEqual(pair.said, ['listener -m', 'route l@r2 -m']);
  pair.settle();
  assert.deepEqual(pair.said.slice(2), ['cluster -b', 'endpoints -b']);
  assert.deepEqual([...pair.client.versions(TYPE_URL.endpoints).keys()], ['a']);
});

test('what was removed while the client was away is removed when it comes back', () => {
  const pair = connected({
    cluster: { a: 'c1', b: 'c1' },
    endpoints: { a: 'e1', b: 'e1' },
    listener: { l: 'l1', m: 'l1' },
    route: { l: 'r1', m: 'r1' },
  });
  const client = pair.client;
  pair.connect(new ModelClient());
  pair.set(ONE);
  pair.settle();
  pair.connect(client);
  pair.settle();
  assert.deepEqual([...client.versions(TYPE_URL.cluster).keys()], ['a']);
  assert.deepEqual([...client.versions(TYPE_URL.listener).keys()], ['l']);
});

test('while one response is on its way only the newest content is kept, and sent once', () => {
  const pair = connected(ONE);
  for (let version = 2; version < 100; version++) pair.set({ ...ONE, endpoints: { a: `e${version}` } });
  pair.settle();
  assert.deepEqual(pair.said, ['endpoints a@e2', 'endpoints a@e99']);
});

test('a transport that is full is not written to; when it drains the newest content goes out', () => {
  const pair = connected(ONE);
  pair.transport('full');
  pair.set({ ...ONE, endpoints: { a: 'e2' } });
  pair.set({ ...ONE, endpoints: { a: 'e3' } });
  assert.deepEqual(pair.said, []);
  pair.transport('drained');
  assert.deepEqual(pair.said, ['endpoints a@e3']);
});

test('a refused resource is held, the others of its response are in use, and it is not sent again', () => {
  const pair = connected({ listener: { l: 'l1', m: 'l1', n: 'l1' }, route: {} });
  pair.set({ listener: { l: 'l2', m: 'bad2', n: 'l2' }, route: {} });
  pair.settle();
  assert.deepEqual(pair.refused, ['listener m@bad2']);
  assert.deepEqual(Object.fromEntries(pair.client.versions(TYPE_URL.listener)), { l: 'l2', m: 'l1', n: 'l2' });
  const before = pair.said.length;
  pair.set({ listener: { l: 'l3', m: 'bad2', n: 'l2' }, route: {} });
  pair.settle();
  assert.deepEqual(pair.said.slice(before), ['listener l@l3']);
});

test('a refused resource is sent when its content changes', () => {
  const pair = connected({ listener: { l: 'bad1' } });
  assert.deepEqual(pair.refused, ['listener l@bad1']);
  pair.set({ listener: { l: 'l2' } });
  pair.settle();
  assert.deepEqual(Object.fromEntries(pair.client.versions(TYPE_URL.listener)), { l: 'l2' });
});

test('one bad resource among a thousand is found in a few responses', () => {
  const listener = Object.fromEntries(
    Array.from({ length: 1_000 }, (_, index) => [`l${index}`, index === 700 ? 'bad' : 'v1']),
  );
  const pair = new Pair();
  pair.set({ listener });
  pair.connect();
  pair.settle();
  assert.equal(pair.client.versions(TYPE_URL.listener).size, 999);
  assert.deepEqual(pair.refused, ['listener l700@bad']);
  assert.ok(pair.said.length < 30, `${pair.said.length} responses`);
});

test('a refused resource is offered again alone after a pause that grows', () => {
  const pair = connected({ listener: { l: 'bad1' } });
  pair.pass(9_999);
  assert.deepEqual(pair.said, []);
  pair.pass(1);
  assert.deepEqual(pair.said, ['listener l@bad1']);
  pair.settle();
  pair.pass(19_999);
  assert.deepEqual(pair.said, ['listener l@bad1']);
  pair.pass(1);
  assert.equal(pair.said.length, 2);
});

test('a new envoy of a gateway that refused something gets the content it last acknowledged', () => {
  const pair = connected({ listener: { l: 'l1' } });
  pair.set({ listener: { l: 'bad2' } });
  pair.settle();
  pair.connect(new ModelClient());
  pair.settle();
  assert.deepEqual(Object.fromEntries(pair.client.versions(TYPE_URL.listener)), { l: 'l1' });
  assert.deepEqual(pair.refused, ['listener l@bad2'], 'it is not offered again by the reconnect');
  assert.equal(pair.continuity.refusals(TYPE_URL.listener).get('l')?.version, 'bad2');
});

test('a new envoy that refuses the next content as well still gets what was last acknowledged', () => {
  const pair = connected({ listener: { l: 'l1' } });
  pair.set({ listener: { l: 'bad2' } });
  pair.settle();
  pair.set({ listener: { l: 'bad3' } });
  pair.connect(new ModelClient());
  pair.settle();
  assert.deepEqual(Object.fromEntries(pair.client.versions(TYPE_URL.listener)), { l: 'l1' });
  assert.deepEqual(pair.refused, ['listener l@bad2', 'listener l@bad3']);
});

test('refused content that is not wanted any more leaves nothing behind that would be offered again', () => {
  const pair = connected({ listener: { l: 'l1' } });
  pair.set({ listener: { l: 'bad2' } });
  pair.settle();
  pair.set({ listener: { l: 'l1' } });
  pair.settle();
  const before = pair.said.length;
  pair.pass(60_000);
  assert.equal(pair.said.length, before);
  assert.equal(pair.continuity.refusals(TYPE_URL.listener).refusals.size, 0);
});

test('nothing is remembered of refused resources that were removed or are not asked for any more', () => {
  const pair = connected({ cluster: { a: 'c1' }, endpoints: { a: 'e1' }, listener: { l: 'l1' } });
  pair.set({ cluster: { a: 'c1' }, endpoints: { a: 'bad' }, listener: { l: 'bad' } });
  pair.settle();
  pair.set({});
  pair.settle();
  for (const type of TYPE_ORDER) {
    assert.equal(pair.continuity.refusals(type).refusals.size, 0);
    for (const name of ['a', 'l']) assert.equal(pair.continuity.refusals(type).lastGood(name), undefined);
  }
});

test('another envoy build is offered at once what the last one refused', () => {
  const pair = connected({ listener: { l: 'bad1' } });
  pair.continuity.sawBuild('envoy/1.41.0');
  pair.connect(new ModelClient());
  pair.said.length = 0;
  pair.settle();
  assert.ok(pair.said.includes('listener l@bad1'));
});

test('a cluster that comes back before its removal could be told is not removed', () => {
  const both = {
    cluster: { a: 'c1', b: 'c1' },
    endpoints: { a: 'e1', b: 'e1' },
    listener: { l: 'l1' },
    route: { l: 'r1' },
  };
  const pair = connected(both);
  pair.set({ ...ONE, route: { l: 'r2' } });
  pair.set({ ...both, route: { l: 'r3' } });
  pair.settle();
  assert.deepEqual(pair.said, ['route l@r2', 'route l@r3']);
});

test('a cluster stays while the listener that may still name it is being looked for in a refused response', () => {
  const listener = { l1: 'v1', l2: 'v1', l3: 'v1' };
  const pair = connected({ cluster: { a: 'c1', b: 'c1' }, endpoints: { a: 'e1', b: 'e1' }, listener });
  pair.set({ cluster: { a: 'c1' }, endpoints: { a: 'e1' }, listener: { l1: 'v2', l2: 'bad', l3: 'v2' } });
  pair.settle();
  assert.deepEqual(pair.said.slice(-2), ['cluster -b', 'endpoints -b']);
  assert.deepEqual(pair.said.slice(0, -2), ['listener l1@v2 l2@bad l3@v2', 'listener l1@v2 l3@v2', 'listener l2@bad']);
});

test('what is too much for one response comes in several, and removals wait for all of them', () => {
  const big = (version: string) =>
    new Map(['l', 'm', 'n'].map((name) => [name, { name, version, encoded: new Uint8Array(RESPONSE_BYTES_MAX / 2) }]));
  const step = (input: Parameters<XdsSession['step']>[0]) =>
    session.step(input, 0).flatMap((effect) => (effect.kind === 'send' ? [effect] : []));
  const session = new XdsSession({});
  const before = {
    resources: new Map([...snapshotOf({ cluster: { a: 'c1' } }).resources, [TYPE_URL.listener, big('1')]]),
  };
  step({ kind: 'snapshot', snapshot: before, changes: new Map() });
  const request = { subscribe: [], unsubscribe: [], nonce: '' };
  const presented = (type: TypeUrl) =>
    new Map([...resourcesOf(before, type)].map(([name, { version }]) => [name, version]));
  for (const type of [TYPE_URL.cluster, TYPE_URL.listener]) {
    step({ kind: 'request', request: { ...request, type, presented: presented(type) } });
    step({ kind: 'request', request: { ...request, type, presented: new Map(), nonce: '1' } });
  }
  const after = { resources: new Map([[TYPE_URL.listener, big('2')]]) };
  const answers = [step({ kind: 'snapshot', snapshot: after, changes: diffSnapshots(before, after) })];
  for (const nonce of ['2', '3']) {
    answers.push(
      step({ kind: 'request', request: { ...request, type: TYPE_URL.listener, presented: new Map(), nonce } }),
    );
  }
  const told = answers.map((sent) => sent.map(({ resources, removed }) => [resources.length, removed.length]));
  assert.deepEqual(told, [[[2, 0]], [[1, 0]], [[0, 1]]]);
});

test('a secret goes only after the clusters and listeners that named it', () => {
  const session = new XdsSession({});
  const step = (input: Parameters<XdsSession['step']>[0]) =>
    session.step(input, 0).filter(({ kind }) => kind === 'send');
  const request = { subscribe: [], unsubscribe: [], presented: new Map<string, string>(), nonce: '' };
  const before = snapshotOf({ cluster: { a: 'c1' }, secret: { s: 's1' } });
  step({ kind: 'snapshot', snapshot: before, changes: new Map() });
  for (const [type, subscribe] of [
    [TYPE_URL.secret, ['s']],
    [TYPE_URL.cluster, []],
  ] as const) {
    step({ kind: 'request', request: { ...request, type, subscribe } });
    step({ kind: 'request', request: { ...request, type, nonce: '1' } });
  }
  const after = snapshotOf({});
  const sent = step({ kind: 'snapshot', snapshot: after, changes: diffSnapshots(before, after) });
  assert.deepEqual(
    sent.map((effect) => (effect.kind === 'send' ? effect.type : '')),
    [TYPE_URL.cluster],
  );
  const last = step({ kind: 'request', request: { ...request, type: TYPE_URL.cluster, nonce: '2' } });
  assert.deepEqual(
    last.map((effect) => (effect.kind === 'send' ? effect.removed : [])),
    [['s']],
  );
});

test('endpoints that vanish from the snapshot are not waited for', () => {
  const pair = connected(ONE);
  pair.set({ ...ONE, cluster: { a: 'c2' } });
  pair.set({ ...ONE, cluster: { a: 'c2' }, endpoints: {} });
  assert.equal(pair.continuity.warming.size, 0);
});

test('a cluster whose endpoints were refused does not warm forever when it changes', () => {
  const pair = connected({ cluster: { a: 'c1' }, endpoints: { a: 'bad1' } });
  pair.set({ cluster: { a: 'c2' }, endpoints: { a: 'bad1' } });
  pair.settle();
  assert.equal(pair.client.warming.size, 0);
});

test('a refusal that came in company is not blamed on the one name that is left of its response', () => {
  const pair = new Pair();
  pair.set({ cluster: { a: 'c1', b: 'c1' } });
  pair.connect();
  pair.deliver('to server');
  pair.deliver('to server');
  pair.deliver('to client');
  pair.set({ endpoints: { a: 'bad1', b: 'e1' } });
  pair.deliver('to server');
  pair.deliver('to server');
  // While endpoints a and b are on their way the cluster a is sent anew, so its endpoints are asked for again.
  pair.set({ cluster: { a: 'bad1', b: 'c1' }, endpoints: { a: 'e1' } });
  assert.deepEqual(pair.said, ['cluster a@c1 b@c1', 'listener', 'endpoints a@bad1 b@e1', 'cluster a@bad1']);
  pair.settle();
  assert.ok(!pair.refused.includes('endpoints b@e1'));
  assertConverged(pair);
});

test('endpoints refused together with a change of their cluster leave the good ones in use, and removable', () => {
  const pair = connected(ONE);
  pair.set({ ...ONE, cluster: { a: 'c2' }, endpoints: { a: 'bad2' } });
  pair.settle();
  assert.deepEqual(pair.said, ['cluster a@c2', 'endpoints a@bad2', 'endpoints a@e1']);
  assert.equal(pair.continuity.refusals(TYPE_URL.endpoints).get('a')?.version, 'bad2');
  pair.set({ ...ONE, cluster: { a: 'c2' }, endpoints: {} });
  pair.settle();
  assert.equal(pair.said.at(-1), 'endpoints -a');
  assertConverged(pair);
});

test('endpoints that vanish while their changed cluster waits for them are told before that cluster is acknowledged', () => {
  const pair = connected(ONE);
  pair.set({ ...ONE, endpoints: { a: 'e2' } });
  pair.set({ ...ONE, endpoints: { a: 'e2' }, cluster: { a: 'c2' } });
  pair.set({ ...ONE, endpoints: {}, cluster: { a: 'c2' } });
  pair.deliver('to client');
  pair.deliver('to server');
  assert.deepEqual(pair.said, ['endpoints a@e2', 'cluster a@c2', 'endpoints -a']);
  pair.settle();
  assertConverged(pair);
});

test('a cluster whose removal was in a refused response is sent again when it comes back as it was', () => {
  const pair = new Pair();
  pair.set({ cluster: { c: 'c1' } });
  pair.connect();
  pair.deliver('to server');
  pair.deliver('to client');
  pair.connect();
  pair.set({ cluster: { a: 'bad1' } });
  pair.deliver('to server');
  pair.deliver('to server');
  assert.equal(pair.said.at(-1), 'cluster a@bad1 -c');
  pair.deliver('to client');
  pair.set({ cluster: { c: 'bad2' } });
  pair.deliver('to server');
  pair.deliver('to server');
  assert.equal(pair.said.at(-1), 'cluster c@bad2');
  pair.set({ cluster: { c: 'c1' } });
  pair.settle();
  assertConverged(pair);
});

test('endpoints presented by a warming cluster are removable although the ones sent instead were refused', () => {
  const pair = connected(ONE);
  pair.set({ ...ONE, cluster: { a: 'c2' } });
  pair.connect();
  pair.set({ ...ONE, cluster: { a: 'c2' }, endpoints: { a: 'bad2' } });
  pair.settle();
  assert.deepEqual(pair.refused, ['endpoints a@bad2']);
  pair.set({ ...ONE, cluster: { a: 'c2' }, endpoints: {} });
  pair.settle();
  assertConverged(pair);
});

test('a cluster that changed while it had no endpoints gets them when they come back as they were', () => {
  const pair = connected(ONE);
  pair.set({ ...ONE, endpoints: { a: 'e2' } });
  pair.set({ ...ONE, cluster: { a: 'c2' }, endpoints: {} });
  pair.set({ ...ONE, cluster: { a: 'c2' }, endpoints: { a: 'e2' } });
  pair.settle();
  assert.equal(pair.said.filter((line) => line === 'endpoints a@e2').length, 2);
  assertConverged(pair);
});

test('a cluster that changed while it had no endpoints gets them on the next stream, too', () => {
  const pair = connected(ONE);
  pair.set({ ...ONE, cluster: { a: 'c2' }, endpoints: {} });
  pair.deliver('to client');
  assert.deepEqual([...pair.client.warming], ['a']);
  pair.connect();
  pair.set({ ...ONE, cluster: { a: 'c2' } });
  pair.settle();
  assert.equal(pair.said.filter((line) => line === 'endpoints a@e1').length, 1);
  assertConverged(pair);
});

test('endpoints that arrive after the client has unsubscribed from them are nowhere left over', () => {
  const pair = new Pair();
  pair.set({ cluster: { d: 'c1', a: 'bad1' } });
  pair.connect();
  pair.deliver('to server');
  pair.deliver('to server');
  pair.deliver('to client');
  pair.set({ endpoints: { d: 'e1' } });
  pair.deliver('to server');
  pair.deliver('to server');
  assert.deepEqual(pair.said.slice(-2), ['cluster -d', 'endpoints d@e1']);
  pair.set({});
  pair.settle();
  assertConverged(pair);
});

test('an answer to an old nonce says nothing', () => {
  const pair = connected(ONE);
  pair.set({ ...ONE, endpoints: { a: 'e2' } });
  const stale = {
    type: TYPE_URL.endpoints,
    subscribe: [],
    unsubscribe: [],
    presented: new Map(),
    nonce: '1',
    refusal: 'no',
  };
  const session = new XdsSession({});
  session.step({ kind: 'snapshot', snapshot: snapshotOf(ONE), changes: new Map() }, 0);
  session.step({ kind: 'request', request: { ...stale, nonce: '', refusal: undefined, subscribe: ['a'] } }, 0);
  const effects = session.step({ kind: 'request', request: { ...stale, nonce: '77' } }, 0);
  assert.deepEqual(effects, []);
});

test('a name that does not exist is answered as removed when it is asked for', () => {
  const session = new XdsSession({});
  session.step({ kind: 'snapshot', snapshot: snapshotOf(ONE), changes: new Map() }, 0);
  const request = { type: TYPE_URL.endpoints, subscribe: ['nobody'], unsubscribe: [], presented: new Map(), nonce: '' };
  const effects = session.step({ kind: 'request', request }, 0);
  assert.deepEqual(effects, [
    { kind: 'send', type: TYPE_URL.endpoints, nonce: '1', resources: [], removed: ['nobody'] },
  ]);
});

const names = fc.constantFrom('a', 'b', 'c', 'd');
const versions = fc.constantFrom('1', '2', '3', 'bad1', 'bad2');
const part = fc.dictionary(names, versions, { maxKeys: 4 });
const content = fc.record({ cluster: part, endpoints: part, listener: part, route: part, secret: fc.constant({}) });
const happening = fc.oneof(
  { weight: 3, arbitrary: content.map((next) => ({ kind: 'set' as const, next })) },
  { weight: 8, arbitrary: fc.constantFrom({ kind: 'to client' as const }, { kind: 'to server' as const }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom({ kind: 'cut' as const }, { kind: 'restart' as const }, { kind: 'second' as const }),
  },
);

test('whatever is lost, refused, reordered or restarted, the client ends with the snapshot minus what it refuses', () => {
  fc.assert(
    // Without `size` the lists are five long on average, whatever `maxLength` says: too short for most races.
    fc.property(fc.array(happening, { maxLength: 60, size: 'max' }), (happenings) => {
      const pair = new Pair();
      pair.connect();
      for (const event of happenings) {
        if (event.kind === 'set') pair.set(event.next);
        else if (event.kind === 'cut') pair.connect();
        else if (event.kind === 'restart') pair.connect(new ModelClient());
        else if (event.kind === 'second') pair.pass(REFERRERS_WAIT_MS);
        else pair.deliver(event.kind);
      }
      pair.settle();
      for (let pauses = 0; pauses < 3; pauses++) {
        pair.pass(REFERRERS_WAIT_MS);
        pair.settle();
      }
      assertConverged(pair);
    }),
    { numRuns: 1_500 },
  );
});

function assertConverged(pair: Pair): void {
  const { client, snapshot } = pair;
  for (const type of TYPE_ORDER) {
    const wanted = resourcesOf(snapshot, type);
    const referrers = { [TYPE_URL.endpoints]: TYPE_URL.cluster, [TYPE_URL.route]: TYPE_URL.listener };
    const referrer = (referrers as Partial<Record<TypeUrl, TypeUrl>>)[type]; // the two explicit types
    for (const [name, { version }] of wanted) {
      if (referrer !== undefined && !client.versions(referrer).has(name)) continue;
      const has = client.versions(type).get(name);
      if (version.startsWith('bad')) assert.ok(has === undefined || !has.startsWith('bad'));
      else assert.equal(has, version, `${shortType(type)} ${name}`);
    }
    for (const name of client.versions(type).keys())
      assert.ok(wanted.has(name), `${shortType(type)} ${name} is left over`);
  }
  for (const name of client.warming) {
    assert.ok(!resourcesOf(snapshot, TYPE_URL.endpoints).has(name), `${name} waits for its endpoints`);
  }
}
