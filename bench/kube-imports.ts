/**
 * How long it takes to import many services into a cluster, on a real API server: derived Services, ServiceImports with
 * their status, and slices. The floor is the same requests sent again into another namespace by a loop that does nothing
 * else, eight at once as the applier does. Then one change, a restart, and the way back to nothing.
 *
 *     node bench/kube-imports.ts [IMPORTS]
 */
import { serviceKey } from '../federation/model/ids.ts';
import { SortedMap } from '../federation/model/sorted-map.ts';
import type { KubeObject, ServiceImportObject, ServiceObject, EndpointSliceObject } from '../kubernetes/api/objects.ts';
import { ENDPOINT_SLICES, NAMESPACES, type Resource, SERVICE_IMPORTS, SERVICES } from '../kubernetes/api/resources.ts';
import type { KubeRequest, KubeTransport } from '../kubernetes/api/transport.ts';
import { Applier } from '../kubernetes/apply/applier.ts';
import { openKubeTransport } from '../kubernetes/client.ts';
import { type ImportsWanted, ImportsWriter } from '../kubernetes/imports/imports-writer.ts';
import { PresentIndex } from '../kubernetes/imports/present.ts';
import { merged, wanted } from '../kubernetes/imports/testing/imports.fixture.ts';
import { Reflector } from '../kubernetes/list-watch/reflector.ts';
import { MANAGED_BY, MANAGED_BY_LABEL } from '../kubernetes/names.ts';
import { SystemClock } from '../runtime/clock.ts';
import { silentLogger } from '../runtime/log.ts';
import { Metrics } from '../runtime/metrics.ts';
import { SystemRandom } from '../runtime/random.ts';
import { installCrds } from '../tests/kube/crds.ts';
import { namespace } from '../tests/kube/objects.ts';
import { isKubeInstalled } from '../tests/kube/program.ts';
import { startKubeServer } from '../tests/kube/server.ts';
import { until } from '../tests/redis/until.ts';
import { quantilesOf } from './propagation/quantiles.ts';

const IMPORTS = Number(process.argv[2] ?? 1_000);
/** Derived Service, ServiceImport, and a slice of each kind. */
const OBJECTS = 4 * IMPORTS;
const CONCURRENCY = 8;
const CHANGES = 50;
const LIMIT_MS = 600_000;
const OURS = `${MANAGED_BY_LABEL}=${MANAGED_BY}`;

interface Parts {
  readonly transport: KubeTransport;
  readonly clock: SystemClock;
}

/** The importing half of a controller. */
class Importer implements AsyncDisposable {
  readonly sent: KubeRequest[] = [];
  readonly writer: ImportsWriter;
  readonly applier: Applier;
  readonly #reflectors: readonly Pick<Reflector<KubeObject>, 'start' | 'synced' | 'objects' | 'close'>[];
  readonly #imports: Reflector<ServiceImportObject>;

  constructor({ transport, clock }: Parts) {
    const parts = { clock, random: new SystemRandom(), log: silentLogger, metrics: new Metrics() };
    const recording: KubeTransport = {
      call: (request) => {
        if (request.method !== 'GET') this.sent.push(request);
        return transport.call(request);
      },
      lines: (request) => transport.lines(request),
    };
    const present = new PresentIndex();
    const init = { concurrency: CONCURRENCY };
    this.applier = new Applier(
      { ...parts, transport: recording, present: (ref) => present.find(ref), mayWrite: () => true },
      init,
    );
    this.writer = new ImportsWriter({ applier: this.applier, present });
    const watch = <T extends KubeObject>(resource: Resource): Reflector<T> =>
      // The kind that was asked for.
      new Reflector<T>(
        { ...parts, transport },
        { resource, namespace: 'shop', labelSelector: OURS, project: (object) => object as T },
      );
    this.#imports = watch<ServiceImportObject>(SERVICE_IMPORTS);
    const services = watch<ServiceObject>(SERVICES);
    const slices = watch<EndpointSliceObject>(ENDPOINT_SLICES);
    this.#imports.onChange(({ changed }) => this.writer.observe({ imports: changed }));
    services.onChange(({ changed }) => this.writer.observe({ services: changed }));
    slices.onChange(({ changed }) => this.writer.observe({ slices: changed }));
    this.#reflectors = [this.#imports, services, slices];
  }

  async start(): Promise<void> {
    for (const reflector of this.#reflectors) reflector.start();
    await until('the lists', async () => this.#reflectors.every(({ synced }) => synced));
  }

  get known(): number {
    return this.#reflectors.reduce((sum, { objects }) => sum + objects.size, 0);
  }

  get areReady(): boolean {
    const told = [...this.#imports.objects.values()].filter(({ status }) => status?.conditions?.[0]?.status === 'True');
    return told.length === IMPORTS && this.known === OBJECTS;
  }

  tier(name: string): string | undefined {
    return this.#imports.objects.get(`shop/${name}`)?.metadata.labels?.['tier'];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.applier.close();
    await this.applier.settled();
    await Promise.all(this.#reflectors.map((reflector) => reflector.close()));
  }
}

async function timed(task: () => Promise<void>): Promise<{ readonly ms: number; readonly cpuMs: number }> {
  const [before, startMs] = [process.cpuUsage(), performance.now()];
  await task();
  const { user, system } = process.cpuUsage(before);
  return { ms: performance.now() - startMs, cpuMs: (user + system) / 1_000 };
}

/** Owners are others' by their uid there, which nobody collects without a controller-manager. */
async function sendAgain({ transport }: Parts, sent: readonly KubeRequest[]): Promise<void> {
  const byObject = new Map<string, KubeRequest[]>();
  for (const request of sent) {
    const again = inOtherNamespace(request);
    const path = again.path.replace(/\/status$/, '');
    byObject.set(path, [...(byObject.get(path) ?? []), again]);
  }
  const left = [...byObject.values()].toReversed();
  const work = async (): Promise<void> => {
    for (let next = left.pop(); next !== undefined; next = left.pop()) {
      for (const request of next) await transport.call(request);
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, work));
}

function inOtherNamespace({ path, body, ...rest }: KubeRequest): KubeRequest {
  const { metadata, ...fields } = body as KubeObject; // what the applier sends, but for deletions
  const { uid: _, ...kept } = { ...metadata, namespace: 'floor' };
  return {
    ...rest,
    path: path.replace('/namespaces/shop/', '/namespaces/floor/'),
    body: { ...fields, metadata: kept },
  };
}

async function oneChangeMs(importer: Importer, all: ImportsWanted, round: number): Promise<number> {
  const name = `s-${round % IMPORTS}`;
  const key = serviceKey('shop', name);
  const startMs = performance.now();
  const before = importer.writer.plan?.input.services ?? all.services;
  const changed = merged({ key, labels: { tier: `t-${round}` } });
  importer.writer.update({ ...all, services: SortedMap.from(before).with(new Map([[key, changed]])) });
  await until('the change', async () => importer.tier(name) === `t-${round}`);
  await importer.applier.settled();
  return performance.now() - startMs;
}

async function measure(): Promise<void> {
  await using server = await startKubeServer({ name: 'bench' });
  await installCrds(server, { only: 'mcs' });
  for (const name of ['shop', 'floor']) await server.admin.create(NAMESPACES, namespace(name));
  const clock = new SystemClock();
  const transport = openKubeTransport({ kubeconfig: server.kubeconfig }, { clock });
  const parts = { transport, clock };
  const services = Array.from({ length: IMPORTS }, (_, index) => merged({ key: serviceKey('shop', `s-${index}`) }));
  const all = wanted(services);

  const first = new Importer(parts);
  await first.start();
  const made = await timed(async () => {
    first.writer.update(all);
    await until('all imports', async () => first.areReady, LIMIT_MS);
    await first.applier.settled();
  });
  const sent = [...first.sent];
  await first[Symbol.asyncDispose]();
  const floor = await timed(() => sendAgain(parts, sent));

  const second = new Importer(parts);
  const again = await timed(async () => {
    await second.start();
    second.writer.update(all);
    await second.applier.settled();
  });
  const writesAgain = second.sent.length;
  const changes: number[] = [];
  for (let round = 0; round < CHANGES; round += 1) changes.push(await oneChangeMs(second, all, round));
  const change = quantilesOf(changes);
  const writesPerChange = (second.sent.length - writesAgain) / CHANGES;
  const gone = await timed(async () => {
    second.writer.update(wanted([], { namespaces: new Map([['shop', 'active']]) }));
    await until('nothing to be left', async () => second.known === 0, LIMIT_MS);
  });
  await second[Symbol.asyncDispose]();
  transport.close();

  const each = (ms: number): string => (ms / IMPORTS).toFixed(2);
  console.log(`${IMPORTS} imports, ${OBJECTS} objects, ${sent.length} writes`);
  console.log(
    `  made                       ${made.ms.toFixed(0)} ms, ${each(made.ms)} ms an import, own CPU ${each(made.cpuMs)} ms`,
  );
  console.log(`  floor: the same writes     ${floor.ms.toFixed(0)} ms, own CPU ${each(floor.cpuMs)} ms`);
  console.log(`  ratio to the floor         ${(made.ms / floor.ms).toFixed(2)}`);
  console.log(`  a restart                  ${again.ms.toFixed(0)} ms, ${writesAgain} writes`);
  console.log(`  one change to its echo     p50 ${change.p50} ms, p99 ${change.p99} ms, ${writesPerChange} writes`);
  console.log(`  all gone                   ${gone.ms.toFixed(0)} ms`);
  const figures = { imports: IMPORTS, writes: sent.length, madeMs: made.ms, floorMs: floor.ms, restartMs: again.ms };
  console.log(JSON.stringify({ bench: 'kube-imports', ...figures, writesAgain, changeMs: change, goneMs: gone.ms }));
}

if (isKubeInstalled()) await measure();
else console.log('skipped: no API server here, run make kube-server');
