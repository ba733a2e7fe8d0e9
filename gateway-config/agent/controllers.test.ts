import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { controllerSockets } from './controller-sockets.ts';
import { socketTarget } from './controller-target.ts';
import { Controllers } from './controllers.ts';
import { snapshotOf } from './envoy-resources.fixture.ts';
import { clock, eventually, GATEWAY, makeFolder, startController, TestAuthority } from './site.fixture.ts';

/** Controllers of one site, of which `leader` serves; a real server each. */
async function site(names: readonly string[]) {
  await using made = new AsyncDisposableStack();
  const folder = made.use(await makeFolder());
  const authority = new TestAuthority();
  const state = { leader: names[0] };
  const paths = names.map((name) => join(folder.path, `${name}.sock`));
  const started = [];
  for (const name of names) {
    const turnedAway = (): string | undefined =>
      state.leader === name ? undefined : `not leader: ${state.leader ?? 'nobody'} leads`;
    const socketPath = join(folder.path, `${name}.sock`);
    started.push(made.use(await startController({ socketPath, authority, snapshot: snapshotOf(), turnedAway })));
  }
  const controllers = new Controllers({ clock }, { targets: () => paths.map(socketTarget), gateway: GATEWAY });
  made.defer(() => controllers.close());
  const running = made.move();
  return { folder, state, started, controllers, paths, [Symbol.asyncDispose]: () => running.disposeAsync() };
}

function openAds(controllers: Controllers) {
  const accepted = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<string>();
  const call = controllers.openAds({
    accepted: () => accepted.resolve(),
    frame: () => undefined,
    drained: () => undefined,
    ended: (reason) => ended.resolve(reason),
  });
  return { call, accepted: accepted.promise, ended: ended.promise };
}

test('the one that leads is found, wherever it stands in the list', async () => {
  await using s = await site(['a', 'b', 'c']);
  s.state.leader = 'c';
  await s.controllers.attach('1');
  assert.deepEqual(
    s.started.map(({ attached }) => attached.length),
    [0, 0, 1],
  );
  const stream = openAds(s.controllers);
  await stream.accepted;
  stream.call.cancel();
});

test('when nobody leads the attempt ends with what each of them said', async () => {
  await using s = await site(['a', 'b']);
  s.state.leader = undefined;
  const { ended } = openAds(s.controllers);
  assert.match(await ended, /not leader: nobody leads.*; .*not leader: nobody leads/);
  await assert.rejects(s.controllers.attach('1'), { code: 'controller-call' });
});

test('a controller that leads no more ends the stream, and the next attempt is served by the other', async () => {
  await using s = await site(['a', 'b']);
  const first = openAds(s.controllers);
  await first.accepted;
  s.state.leader = 'b';
  s.started[0]?.server.turnAway('not leader: b leads');
  assert.match(await first.ended, /b leads/);
  const second = openAds(s.controllers);
  await second.accepted;
  await s.controllers.attach('1');
  assert.equal(s.started[1]?.attached.length, 1);
  second.call.cancel();
});

test('a controller that takes the connection and says nothing does not keep a gateway from the other', async () => {
  await using s = await site(['b']);
  const hung = join(s.folder.path, 'a.sock');
  const held: Socket[] = [];
  const server = createServer((socket) => held.push(socket)).listen(hung);
  const controllers = new Controllers(
    { clock },
    { targets: () => [hung, ...s.paths].map(socketTarget), gateway: GATEWAY },
  );
  const stream = openAds(controllers);
  await stream.accepted;
  await controllers.attach('1');
  assert.equal(s.started[0]?.attached.length, 1);
  // It is asked last from now on: of a hung leader, not every attempt waits for it first.
  stream.call.cancel();
  const connectionsBefore = held.length;
  const again = openAds(controllers);
  await again.accepted;
  assert.equal(held.length, connectionsBefore);
  again.call.cancel();
  controllers.close();
  for (const socket of held) socket.destroy();
  server.close();
});

test('an attempt that is cancelled asks nobody else', async () => {
  await using s = await site(['b']);
  const hung = join(s.folder.path, 'a.sock');
  const held: Socket[] = [];
  const server = createServer((socket) => held.push(socket)).listen(hung);
  const controllers = new Controllers(
    { clock },
    { targets: () => [hung, ...s.paths].map(socketTarget), gateway: GATEWAY },
  );
  let isAccepted = false;
  const stream = openAds(controllers);
  void stream.accepted.then(() => {
    isAccepted = true;
  });
  await eventually(() => held.length > 0);
  stream.call.cancel();
  assert.match(await stream.ended, /cancelled/i);
  await controllers.attach('1');
  assert.equal(isAccepted, false);
  controllers.close();
  for (const socket of held) socket.destroy();
  server.close();
});

test('a controller that goes away while others are asked is passed over', async () => {
  await using s = await site(['a', 'b', 'c']);
  s.state.leader = 'c';
  const present = new Set(s.paths);
  const controllers = new Controllers({ clock }, { targets: () => [...present].map(socketTarget), gateway: GATEWAY });
  const stream = openAds(controllers);
  present.delete(s.paths[1] ?? '');
  const attached = controllers.attach('1');
  await stream.accepted;
  await attached;
  stream.call.cancel();
  controllers.close();
});

test('one that follows hears the reports all the same', async () => {
  await using s = await site(['a', 'b']);
  for (const target of s.controllers.reportTargets) {
    s.controllers.openReport(target, () => undefined).send({ envoyLive: true });
  }
  await eventually(() => s.started.every(({ reports }) => reports.length === 1));
});

test('sockets of replicas are found as they come; without any there is the one of a sole controller', async () => {
  await using folder = await makeFolder();
  const sole = join(folder.path, 'xds.sock');
  const replicas = join(folder.path, 'replicas');
  const look = () => controllerSockets({ sole, replicas, socket: 'xds.sock' });
  assert.deepEqual(look(), [sole]);
  for (const name of ['b', 'a']) {
    await mkdir(join(replicas, name), { recursive: true });
    await writeFile(join(replicas, name, 'xds.sock'), '');
  }
  assert.deepEqual(look(), [join(replicas, 'a', 'xds.sock'), join(replicas, 'b', 'xds.sock')]);
  await writeFile(sole, '');
  assert.equal(look()[0], sole);
});
