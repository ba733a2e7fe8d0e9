import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { isInstalled } from '../redis/programs.ts';
import { startServer } from '../redis/server.ts';
import { Deployment, REPLICAS } from './deployment.ts';
import { beginScene, endScene, leaderOf, otherThan, untilFollows } from './scene.ts';
import { until } from './until.ts';

/** Stopped, it takes connections and never answers: the worst that a store can do without lying. */
interface SharedStore {
  /** How this process reads it. */
  readonly observed: string;
  pause(): void;
  resume(): void;
}

/** A real Valkey where this checkout has one, else our own store server. */
async function sharedStore(t: TestContext, deployment: Deployment): Promise<SharedStore> {
  if (isInstalled('valkey')) {
    const server = await startServer({ program: 'valkey' });
    t.after(() => server[Symbol.asyncDispose]());
    deployment.useStore(server.url);
    return { observed: server.url, pause: () => server.pause(), resume: () => server.resume() };
  }
  const observed = deployment.store;
  const { url, process } = await deployment.serveStore();
  deployment.useStore(url);
  return { observed, pause: () => process.signal('SIGSTOP'), resume: () => process.signal('SIGCONT') };
}

test('two replicas whose store goes dark', { timeout: 120_000 }, async (t) => {
  const deployment = await Deployment.enrol(t);
  const store = await sharedStore(t, deployment);
  const scene = await beginScene(t, deployment, store.observed);
  const first = await leaderOf(deployment);

  await t.test('the leader stops writing and goes on serving its gateways, local changes included', async () => {
    store.pause();
    await until(`${first} to know nothing`, async () => (await deployment.role(first))?.kind === 'unknown');
    assert.equal((await deployment.role(first))?.epoch, undefined);
    await deployment.export(1);
    await until('the local change', () => deployment.knows(first, 1));
    await deployment.untilServedBy(first);
  });

  await t.test('when it is killed meanwhile, the other one serves the gateways without a lease', async () => {
    await deployment.process(first).end('SIGKILL');
    await deployment.untilServedBy(otherThan(first));
    assert.equal((await deployment.role(otherThan(first)))?.kind, 'unknown');
  });

  await t.test('when both are killed and started again, the gateways are served at once from disk', async () => {
    await deployment.process(otherThan(first)).end('SIGKILL');
    for (const name of REPLICAS) deployment.startReplica(name);
    await until('both gateways somewhere', async () => {
      const served = await Promise.all(REPLICAS.map((name) => deployment.served(name)));
      return served.reduce((sum, count) => sum + count, 0) === 2;
    });
  });

  await t.test(
    'when the store is back one of them leads, with an epoch above all before, and has both gateways',
    async () => {
      const before = scene.history.epochs.at(-1) ?? 0;
      store.resume();
      const leader = await leaderOf(deployment);
      await untilFollows(deployment, otherThan(leader), leader);
      await deployment.untilServedBy(leader);
      await until('a new epoch', () => (scene.history.epochs.at(-1) ?? 0) > before);
    },
  );

  await endScene(t, scene);
});
