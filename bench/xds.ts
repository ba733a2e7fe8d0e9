import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join, resolve } from 'node:path';
import { edsCluster, endpoints, snapshotOf, withResources } from '../gateway-config/agent/envoy-resources.fixture.ts';
import {
  clock,
  eventually,
  GATEWAY,
  makeFolder,
  programmed,
  sentResources,
  startController,
  TestAuthority,
  type TestController,
} from '../gateway-config/agent/site.fixture.ts';
import type { TypedResource } from '../gateway-config/resources/encode.ts';
import type { Snapshot } from '../gateway-config/snapshot.ts';
import { type Quantiles, quantilesOf } from './propagation/quantiles.ts';

/**
 * Delivery alone: from `setSnapshot` to the ACK of a real Envoy, through the controller's server and the gateway agent
 * (a process of its own), with 1,000 clusters. Beside it what a resync costs, whole and when nothing changed.
 *
 *     node bench/xds.ts [CHANGES]
 */
const CHANGES = Number(process.argv[2] ?? '300');
const CLUSTERS = 1_000;
const WARM_UP = 20;
const OPEN_LOOP_PER_SECOND = 100;
const AGENT = resolve(import.meta.dirname, '../gateway-config/agent/agent-process.fixture.ts');

/** Ports of endpoints that nobody dials: only their change matters. */
let port = 10_000;

function nextPort(): number {
  port = port === 60_000 ? 10_000 : port + 1;
  return port;
}

/** Milliseconds from handing the changed snapshot over to its ACK. */
async function acknowledged(controller: TestController, ...changed: readonly TypedResource[]): Promise<number> {
  const next = withResources(controller.server.snapshot, ...changed);
  const { ledger } = controller.server;
  const startMs = performance.now();
  controller.server.setSnapshot(next);
  await Promise.all(
    changed.map(({ type, resource: { name, version } }) => ledger.whenAcked({ type, name, version, gateway: GATEWAY })),
  );
  return performance.now() - startMs;
}

async function oneByOne(controller: TestController, change: (name: string) => TypedResource): Promise<Quantiles> {
  const samples: number[] = [];
  for (let index = 0; index < CHANGES + WARM_UP; index++) {
    const ms = await acknowledged(controller, change(`c-${(index * 7) % CLUSTERS}`));
    if (index >= WARM_UP) samples.push(ms);
  }
  return quantilesOf(samples);
}

/** Changes come when they come, not when the last one is through. */
async function openLoop(controller: TestController): Promise<Quantiles> {
  const pending: Promise<number>[] = [];
  const startMs = performance.now();
  for (let index = 0; index < CHANGES; index++) {
    const dueMs = startMs + (index * 1_000) / OPEN_LOOP_PER_SECOND;
    await clock.sleep(Math.max(0, dueMs - performance.now()));
    pending.push(acknowledged(controller, endpoints(`c-${(index * 7) % CLUSTERS}`, nextPort())));
  }
  return quantilesOf(await Promise.all(pending));
}

interface Resync {
  readonly ms: number;
  /** Milliseconds of CPU that the server took meanwhile. */
  readonly serverCpuMs: number;
}

async function resync(act: () => Promise<void>): Promise<Resync> {
  const startMs = performance.now();
  const before = process.cpuUsage();
  await act();
  const { user, system } = process.cpuUsage(before);
  return { ms: performance.now() - startMs, serverCpuMs: (user + system) / 1_000 };
}

async function run(): Promise<void> {
  await using made = new AsyncDisposableStack();
  const folder = made.use(await makeFolder());
  const socketPath = join(folder.path, 'c.sock');
  const authority = new TestAuthority();
  const names = Array.from({ length: CLUSTERS }, (_, index) => `c-${index}`);
  const all: Snapshot = snapshotOf(...names.flatMap((name) => [edsCluster(name), endpoints(name, 1, 2)]));
  let controller = await startController({ socketPath, authority, snapshot: all });
  made.defer(() => controller[Symbol.asyncDispose]());
  const agent = spawn(process.execPath, [AGENT, socketPath, join(folder.path, 'g')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  made.defer(async () => {
    agent.kill('SIGTERM');
    await once(agent, 'exit');
  });
  await eventually(() => controller.server.ledger.connected.length > 0);
  const cold = await resync(() => programmed(controller, all));

  const eds = await oneByOne(controller, (name) => endpoints(name, nextPort()));
  const cds = await oneByOne(controller, (name) => edsCluster(name, 250 + (nextPort() % 1_000)));
  const loop = await openLoop(controller);
  const everything = await acknowledged(controller, ...names.map((name) => endpoints(name, nextPort())));

  const kept = controller.server.snapshot;
  await controller[Symbol.asyncDispose]();
  controller = await startController({ socketPath, authority, snapshot: kept });
  await eventually(() => controller.server.ledger.connected.length > 0);
  const again = await resync(() => programmed(controller, kept));
  const sentAgain = await sentResources(controller);

  const row = (what: string, ms: Quantiles): string =>
    [what.padEnd(44), ...[ms.p50, ms.p90, ms.p99, ms.max].map((value) => value.toFixed(1).padStart(8))].join('');
  console.log(
    `snapshot to ACK, ms, ${CLUSTERS} clusters`.padEnd(44) +
      ['p50', 'p90', 'p99', 'max'].map((name) => name.padStart(8)).join(''),
  );
  console.log(row('endpoints of one cluster', eds));
  console.log(row('one cluster, with its endpoints', cds));
  console.log(row(`endpoints, ${OPEN_LOOP_PER_SECOND} changes/s`, loop));
  console.log(`endpoints of all ${CLUSTERS} clusters at once: ${everything.toFixed(0)} ms`);
  console.log(
    `full resync of a new envoy: ${cold.ms.toFixed(0)} ms, of which the server computed ${cold.serverCpuMs.toFixed(0)} ms`,
  );
  console.log(`resync when nothing changed: ${again.ms.toFixed(0)} ms, ${sentAgain} resources sent`);
  console.log(
    JSON.stringify({
      bench: 'xds',
      clusters: CLUSTERS,
      changes: CHANGES,
      eds,
      cds,
      openLoop: loop,
      everythingMs: everything,
      cold,
      again,
      sentAgain,
    }),
  );
}

await run();
