/** Two clusters with API servers, traced controllers and gateways, and the service of `west` that changes. */
import { createServer, type Server } from 'node:net';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { ENDPOINT_SLICES, SERVICE_EXPORTS, SERVICES } from '../../kubernetes/api/resources.ts';
import { endpointSlice, service, serviceExport } from '../../tests/kube/objects.ts';
import { Clusterset } from '../../tests/kube/sites/clusterset.ts';
import type { Site } from '../../tests/kube/sites/site.ts';
import { Notes } from '../propagation/noting.ts';
import { stampMs } from '../propagation/trace.ts';

const TRACED = join(import.meta.dirname, 'traced-controller.ts');
export const NAMESPACE = 'bench';
export const BACKGROUND_SERVICES = 50;

export class KubeSite extends Notes {
  readonly firstStep = 'API server, watch';
  readonly services = { change: (name: string, ready: boolean): number => this.#change(name, ready) };
  readonly #site: Site;

  constructor(site: Site) {
    super(site.name);
    this.#site = site;
  }

  async prepare(changing: readonly string[]): Promise<void> {
    await this.#site.ensureNamespace(NAMESPACE);
    const steady = Array.from({ length: BACKGROUND_SERVICES }, (_, index) => `steady-${this.name}-${index}`);
    for (const name of [...changing, ...steady]) await this.#export(name);
  }

  async #export(name: string): Promise<void> {
    const { admin } = this.#site;
    const place = { namespace: NAMESPACE, name };
    const ports = [{ name: 'http', protocol: 'TCP' as const, port: 80, appProtocol: 'http' }];
    await admin.create(SERVICES, service(place, { ports }));
    const slice = { service: name, endpoints: [this.#site.ip('app', 1)] };
    await admin.create(ENDPOINT_SLICES, endpointSlice({ ...place, name: `${name}-1` }, slice));
    await admin.create(SERVICE_EXPORTS, serviceExport(place));
  }

  /** As the endpoint slice controller says that the only pod is ready, or not. */
  #change(name: string, ready: boolean): number {
    const endpoints = [{ addresses: [this.#site.ip('app', 1)], conditions: { ready } }];
    const where = { namespace: NAMESPACE, name: `${name}-1` };
    const atMs = stampMs();
    // What is refused is noticed as a change that never arrives.
    void this.#site.admin.patch(ENDPOINT_SLICES, where, { type: 'merge', body: { endpoints } });
    return atMs;
  }
}

export interface TwoClusters extends AsyncDisposable {
  readonly east: KubeSite;
  readonly west: KubeSite;
}

export async function startTwoClusters(changing: readonly string[]): Promise<TwoClusters> {
  await using starting = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'bench-'));
  starting.defer(() => rm(folder, { recursive: true, force: true }));
  const doors = await Promise.all(['east', 'west'].map((name) => openDoor(join(folder, name))));
  for (const { server } of doors) starting.defer(() => void server.close());
  const clusterset = starting.use(
    await Clusterset.start(
      ['east', 'west'].map((name) => ({
        name,
        program: ['env', `BENCH_NOTES=${join(folder, name)}`, process.execPath, TRACED],
      })),
    ),
  );
  const [east, west] = clusterset.sites.map((site) => new KubeSite(site));
  if (east === undefined || west === undefined) throw new Error('there are two');
  doors.forEach((door, at) => {
    const site = [east, west][at];
    door.onLine = (line) => site?.heard(line);
  });
  await Promise.all([east.prepare([]), west.prepare(changing)]);
  const owned = starting.move();
  return { east, west, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

interface Door {
  readonly server: Server;
  onLine: (line: string) => void;
}

async function openDoor(path: string): Promise<Door> {
  const server = createServer((socket) => {
    createInterface({ input: socket }).on('line', (line) => door.onLine(line));
  });
  const door: Door = { server, onLine: () => undefined };
  server.listen(path);
  await once(server, 'listening');
  return door;
}
