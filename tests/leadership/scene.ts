/** What the tests of two replicas do and look at: a deployment under load, with everything written down that east wrote. */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { parseClusterId } from '../../federation/model/ids.ts';
import type { Store } from '../../federation/store/contract.ts';
import { openStore } from '../../federation/store/open.ts';
import { SystemClock } from '../../runtime/clock.ts';
import { silentLogger } from '../../runtime/log.ts';
import { Metrics } from '../../runtime/metrics.ts';
import { SystemRandom } from '../../runtime/random.ts';
import { type Deployment, REPLICAS, type ReplicaName } from './deployment.ts';
import { History } from './history.ts';
import { Load } from './load.ts';
import { until } from './until.ts';

/** As `initArguments` founds it. */
const CLUSTERSET = 'prod.example.org';
/** Promised in the issue. */
const TAKEOVER_MS_MAX = 10_000;
const CHURN_EVERY_MS = 40;
const CHANGES_BEFORE = 10;
const REQUESTS_MIN = 300;

export interface Scene {
  readonly deployment: Deployment;
  readonly history: History;
  readonly load: Load;
  /** The services that east publishes, as the store holds them. */
  readonly published: () => Promise<ReadonlyMap<string, string>>;
}

/** Everything runs, both gateways of east are served, and west reaches east. `observed`: the store as this process reads it. */
export async function beginScene(t: TestContext, deployment: Deployment, observed: string): Promise<Scene> {
  for (const name of REPLICAS) deployment.startReplica(name);
  deployment.startEverythingElse();
  const parts = { clock: new SystemClock(), random: new SystemRandom(), log: silentLogger, metrics: new Metrics() };
  const store = await openStore(observed, { ...parts, clusterset: CLUSTERSET });
  const history = new History({ store, peerDir: deployment.stateDir('west') });
  t.after(async () => {
    await history.stop();
    await store[Symbol.asyncDispose]();
  });
  await deployment.untilServedBy(await leaderOf(deployment));
  await until('a way from west to east', async () => {
    const url = await deployment.callAt('west').catch(() => undefined);
    return url !== undefined && (await fetch(url).catch(() => undefined))?.status === 200;
  });
  const load = new Load([await deployment.callAt('west'), await deployment.callAt('east')]);
  t.after(() => load.stop());
  return { deployment, history, load, published: () => servicesOf(store) };
}

async function servicesOf(store: Store): Promise<ReadonlyMap<string, string>> {
  const records = (await store.read(parseClusterId('east')))?.records ?? new Map<string, Uint8Array>();
  const services = [...records].filter(([key]) => key.startsWith('service/'));
  return new Map(services.map(([key, bytes]) => [key, Buffer.from(bytes).toString('utf8')]));
}

/** No request failed, nothing that was accepted went back, and every epoch had one writer. */
export async function endScene(t: TestContext, { history, load }: Scene): Promise<void> {
  await load.stop();
  await history.stop();
  const { answered, failures } = load;
  t.diagnostic(`${answered} requests answered, ${failures.length} failed; epochs ${history.epochs.join(', ')}`);
  assert.deepEqual(failures.slice(0, 5), []);
  assert.ok(answered > REQUESTS_MIN, `${answered} requests`);
  assert.deepEqual(history.violations, []);
  t.diagnostic(`${history.stored.length} heads seen in the store, ${history.accepted.length} accepted by the peer`);
  assert.ok(history.accepted.length > 0 && history.stored.length > 0);
}

export function otherThan(name: ReplicaName): ReplicaName {
  return name === 'a' ? 'b' : 'a';
}

export async function leaderOf(deployment: Deployment): Promise<ReplicaName> {
  let leader: ReplicaName | undefined;
  const logs = (): unknown => REPLICAS.map((name) => deployment.process(name).output);
  await until('one leader', async () => (leader = await deployment.leader()) !== undefined, logs);
  assert.ok(leader !== undefined);
  return leader;
}

/** From the fault until the store holds a head of the other one, and until that one serves both gateways. */
export async function takeover(t: TestContext, { deployment, history }: Scene, next: ReplicaName): Promise<void> {
  const startedMs = performance.now();
  await until(`a head of ${next}`, () => history.newest?.order.writerId.startsWith(`${next}.`) === true);
  const wroteMs = (history.newest?.atMs ?? 0) - startedMs;
  await deployment.untilServedBy(next);
  const servedMs = performance.now() - startedMs;
  t.diagnostic(`${next} took over: wrote after ${wroteMs.toFixed(0)} ms, serves after ${servedMs.toFixed(0)} ms`);
  assert.ok(servedMs <= TAKEOVER_MS_MAX, `${servedMs} ms`);
}

export async function untilFollows(deployment: Deployment, name: ReplicaName, leader: ReplicaName): Promise<void> {
  await until(`${name} to follow ${leader}`, async () => {
    const role = await deployment.role(name);
    return role?.kind === 'follower' && role.leader === leader;
  });
}

/** Changes that the leader must commit, one after the other, so that a fault meets it at work. */
export class Churn {
  readonly begun: Promise<void>;
  #stopped = false;
  readonly #running: Promise<void>;

  constructor(deployment: Deployment) {
    const begun = Promise.withResolvers<void>();
    this.begun = begun.promise;
    this.#running = this.#run(deployment, () => begun.resolve());
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }

  async #run(deployment: Deployment, onBegun: () => void): Promise<void> {
    for (let change = 1; !this.#stopped; change++) {
      await deployment.export(change);
      await new Promise((resolve) => setTimeout(resolve, CHURN_EVERY_MS));
      if (change === CHANGES_BEFORE) onBegun();
    }
  }
}
