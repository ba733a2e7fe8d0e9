import { readFileSync } from 'node:fs';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { askController } from '../cli/admin-client.ts';
import { GATEWAY_NAME } from '../controller/enrol/site-document.ts';
import type { ClusterItem } from '../controller/views/clusters.ts';
import type { GatewayItem } from '../controller/views/gateways.ts';
import type { ListObject } from '../controller/views/objects.ts';
import type { ServiceItem } from '../controller/views/services.ts';
import { AdminClient } from '../gateway-config/agent/admin-client.ts';
import type { Clock } from '../runtime/clock.ts';
import { IsthmusError } from '../runtime/errors.ts';
import type { Lab, LabSite } from './lab/lab.ts';
import type { LabProcess } from './lab/process.ts';
import { until } from './until.ts';

/**
 * One site of the demo: the process tree that `isthmus init --up` or `isthmus join --up` runs on its gateway's host, its
 * services file, and the applications on its other host. Everything is asked and done as a user would.
 */
export const CLI = join(import.meta.dirname, '..', 'cli', 'main.ts');
const SERVICE = join(import.meta.dirname, 'services', 'service.ts');
const START_TIMEOUT_MS = 30_000;
export const HTTP_PORT = 8080;
export const TCP_PORT = 9000;

export interface Backend {
  /** Who it says it is, e.g. `east-1`. */
  readonly name: string;
  readonly address: string;
}

/** A service document, short: HTTP on port 80 or TCP on port 5432, by these backends. */
export interface DemoService {
  readonly name: string;
  readonly kind: 'http' | 'tcp';
  readonly export: boolean;
  readonly backends: readonly Backend[];
}

export class DemoSite {
  readonly name: string;
  readonly host: LabSite;
  readonly stateDir: string;
  readonly servicesFile: string;
  readonly envoy: AdminClient;
  readonly #clock: Clock;
  readonly #lab: Lab;
  readonly #backends = new Map<string, LabProcess>();
  #tree: LabProcess | undefined;
  #starts = 0;

  constructor(components: { clock: Clock; lab: Lab }, init: { readonly host: LabSite }) {
    this.#clock = components.clock;
    this.#lab = components.lab;
    this.host = init.host;
    this.name = init.host.name;
    this.stateDir = join(components.lab.directory, this.name);
    this.servicesFile = join(components.lab.directory, `${this.name}-services`, 'services.yaml');
    this.envoy = new AdminClient({ socketPath: join(this.stateDir, 'gateway', GATEWAY_NAME, 'envoy.sock') });
  }

  /** Writes the services file as an editor does: beside it, then renamed over it. */
  async writeServices(services: readonly DemoService[]): Promise<void> {
    const text = services.map((service) => stringify(serviceDocument(service))).join('---\n');
    await mkdir(join(this.servicesFile, '..'), { recursive: true });
    await writeFile(`${this.servicesFile}.new`, text);
    await rename(`${this.servicesFile}.new`, this.servicesFile);
  }

  async startBackend(backend: Backend): Promise<void> {
    const args = [
      ...[SERVICE, '--name', backend.name],
      ...['--http', `${backend.address}:${HTTP_PORT}`, '--tcp', `${backend.address}:${TCP_PORT}`],
    ];
    const name = `${backend.name}-${(this.#starts += 1)}`;
    const running = this.#lab.spawn(`${this.name}/app`, process.execPath, args, { name });
    await running.untilLogged(/^ready/m, START_TIMEOUT_MS);
    this.#backends.set(backend.name, running);
  }

  /** `kill -9` of applications, all at once. */
  async killBackends(backends: readonly Backend[]): Promise<void> {
    const running = backends.flatMap(({ name }) => this.#backends.get(name) ?? []);
    await Promise.all(running.map((backend) => backend.kill()));
  }

  /** Runs `isthmus ARGS --up` on the gateway's host; the enrolment has succeeded when this resolves. */
  async up(command: 'init' | 'join', args: readonly string[]): Promise<void> {
    const all = [CLI, command, ...args, '--state-dir', this.stateDir, '--up'];
    this.#tree = this.#lab.spawn(`${this.name}/gateway`, process.execPath, all, { name: `${this.name}-up` });
    await this.#tree.untilLogged(/shows it, Ctrl-C ends it/, START_TIMEOUT_MS);
  }

  /** The process id of a part of the tree, as its newest log line says. */
  async pid(part: 'controller' | 'gateway' | 'envoy'): Promise<number> {
    const pattern = part === 'envoy' ? /"msg":"envoy started"/ : /"msg":"part started"/;
    const wanted = part === 'gateway' ? `gateway ${GATEWAY_NAME}` : part;
    const lines = (await readFile(this.#log(), 'utf8')).split('\n').filter((line) => pattern.test(line));
    for (const line of lines.toReversed()) {
      const entry = JSON.parse(line) as { readonly part?: string; readonly pid?: number };
      if ((part === 'envoy' || entry.part === wanted) && entry.pid !== undefined) return entry.pid;
    }
    throw new IsthmusError('demo', `no ${part} of ${this.name} was ever started`);
  }

  /** `kill -9` of single processes of the tree; resolves when they are gone. `isthmus up` starts them again. */
  async kill(...parts: readonly ('controller' | 'gateway' | 'envoy')[]): Promise<void> {
    const pids = await Promise.all(parts.map((part) => this.pid(part)));
    for (const pid of pids) process.kill(pid, 'SIGKILL');
    for (const pid of pids) {
      const wait = { what: `the end of process ${pid}`, timeoutMs: 5_000, everyMs: 2 };
      await until(this.#clock, wait, async () => (isGone(pid) ? true : undefined));
    }
  }

  async services(): Promise<readonly ServiceItem[]> {
    const list = await askController(this.stateDir, '/v1/services');
    // The controller is this program in another process.
    return (list as ListObject<'Service', ServiceItem>).items;
  }

  async clusters(): Promise<readonly ClusterItem[]> {
    const list = await askController(this.stateDir, '/v1/clusters');
    // The controller is this program in another process.
    return (list as ListObject<'Cluster', ClusterItem>).items;
  }

  async gateways(): Promise<readonly GatewayItem[]> {
    const list = await askController(this.stateDir, '/v1/gateways');
    // The controller is this program in another process.
    return (list as ListObject<'Gateway', GatewayItem>).items;
  }

  async token(cluster: string): Promise<string> {
    const query = new URLSearchParams({ cluster });
    const answer = await askController(this.stateDir, `/v1/tokens?${query.toString()}`, 'POST');
    return (answer as { readonly token: string }).token;
  }

  /** Where workloads of this site call a service, once its gateway has acknowledged everything. */
  async callAt(service: string): Promise<{ readonly host: string; readonly port: number }> {
    const item = (await this.services()).find(({ metadata }) => metadata.name === service);
    const [, port] = item?.spec.ports[0]?.callAt?.match(/:(\d+)$/) ?? [];
    if (port === undefined) throw new IsthmusError('demo', `${this.name} cannot call ${service}`);
    return { host: this.host.lan, port: Number(port) };
  }

  /** Waits until this site sees `ready` endpoints of the service in each of the clusters, and its gateway knows. */
  async untilServed(service: string, ready: Readonly<Record<string, number>>, timeoutMs: number): Promise<void> {
    await until(this.#clock, { what: `${service} at ${this.name}`, timeoutMs }, async () => {
      const item = (await this.services()).find(({ metadata }) => metadata.name === service);
      const backends = new Map(item?.status.backends.map((backend) => [backend.cluster, backend.ready]));
      if (!Object.entries(ready).every(([cluster, count]) => (backends.get(cluster) ?? 0) === count)) return undefined;
      const own = (await this.gateways()).find(({ spec }) => spec.cluster === this.name);
      const { programmed } = own?.status ?? {};
      return programmed?.connected === true && programmed.pending === 0 ? true : undefined;
    });
  }

  #log(): string {
    if (this.#tree === undefined) throw new IsthmusError('demo', `${this.name} was never started`);
    return this.#tree.logFile;
  }
}

/** A zombie has closed its sockets already. */
function isGone(pid: number): boolean {
  try {
    return /\) [ZX]/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    // No such process any more.
    return true;
  }
}

function serviceDocument(service: DemoService): unknown {
  const isHttp = service.kind === 'http';
  const port = isHttp ? HTTP_PORT : TCP_PORT;
  return {
    apiVersion: 'isthmus.dev/v1alpha1',
    kind: 'Service',
    metadata: { namespace: 'default', name: service.name },
    spec: {
      export: service.export,
      ports: [isHttp ? { name: 'http', port: 80, appProtocol: 'http' } : { name: 'tcp', port: 5432 }],
      endpoints: service.backends.map(({ address }) => ({ address, ports: { [isHttp ? 'http' : 'tcp']: port } })),
      healthCheck: { type: 'tcp', interval: '500ms', timeout: '300ms' },
    },
  };
}
