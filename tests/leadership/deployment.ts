/**
 * Two sites as real processes on loopback addresses of their own: `east` with two replicas of its controller and two
 * gateways, `west` with one of each, which calls what east exports. Every process can be killed or stopped by itself.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parse, stringify } from 'yaml';
import { askController } from '../../cli/admin-client.ts';
import { freePort, initArguments, isthmus, joinArguments } from '../../cli/processes.fixture.ts';
import type { EndpointItem } from '../../controller/views/endpoints.ts';
import type { GatewayItem } from '../../controller/views/gateways.ts';
import type { ListObject } from '../../controller/views/objects.ts';
import type { RoleObject } from '../../controller/views/role.ts';
import type { ServiceItem } from '../../controller/views/services.ts';
import { until } from './until.ts';

const BINARY = fileURLToPath(new URL('../../bin/isthmus', import.meta.url));
export const REPLICAS = ['a', 'b'] as const;
export type ReplicaName = (typeof REPLICAS)[number];
const LINK = /isthmus:\/\/\S+/;
const GATEWAYS = ['gateway', 'second'] as const;

/** One process of the product. */
export class Running {
  readonly child: ChildProcess;
  #output = '';

  constructor(args: readonly string[]) {
    this.child = spawn(BINARY, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    const hear = (chunk: Buffer): void => {
      this.#output += chunk.toString();
    };
    this.child.stdout?.on('data', hear);
    this.child.stderr?.on('data', hear);
  }

  get output(): string {
    return this.#output;
  }

  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.child.kill(signal);
  }

  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const ended = once(this.child, 'exit');
    this.child.kill(signal);
    await ended;
  }
}

export class Deployment {
  readonly folder: string;
  readonly #t: TestContext;
  readonly #network: string;
  /** The newest of each name. */
  readonly #processes = new Map<string, Running>();
  readonly #all: Running[] = [];
  readonly #backend: Server;
  #store: string | undefined;

  private constructor(t: TestContext, { folder, backend }: { folder: string; backend: Server }) {
    this.#t = t;
    this.folder = folder;
    this.#backend = backend;
    // A process id names two octets that no other test of this machine uses now.
    this.#network = `127.${100 + ((process.pid >> 8) & 0x7f)}.${process.pid & 0xff}`;
  }

  /** Enrols both sites over east's store server and starts nothing. From then on they share its file. */
  static async enrol(t: TestContext): Promise<Deployment> {
    const folder = await mkdtemp(join(tmpdir(), 'ist-'));
    const backend = createServer((_, response) => response.end('east'));
    const made = new Deployment(t, { folder, backend });
    backend.listen(0, made.#address(3));
    await once(backend, 'listening');
    t.after(() => made.#end());
    await made.#enrol();
    made.#store = `embedded:${join(made.stateDir('east'), 'store-server', 'store.db')}`;
    return made;
  }

  get store(): string {
    return this.#store ?? '';
  }

  stateDir(site: 'east' | 'west'): string {
    return join(this.folder, site);
  }

  replicaDir(name: ReplicaName): string {
    return join(this.stateDir('east'), 'replicas', name);
  }

  /** Where workloads of a site reach the service `web` of east. */
  async callAt(site: 'east' | 'west'): Promise<string> {
    const list = await askController(this.stateDir(site), '/v1/services');
    // The controller is this program in another process.
    const { items } = list as ListObject<'Service', ServiceItem>;
    const callAt = items.find(({ metadata }) => metadata.name === 'web')?.spec.ports[0]?.callAt;
    if (callAt === undefined) throw new Error(`${site} cannot call web yet`);
    return `http://${callAt}/`;
  }

  startReplica(name: ReplicaName): void {
    const listen = ['--health-listen', 'off', '--metrics-listen', 'off', '--store-listen', 'off'];
    this.#start(name, ['controller', '--state-dir', this.stateDir('east'), '--replica', name, ...listen]);
  }

  startEverythingElse(): void {
    for (const name of GATEWAYS) {
      const flags = ['--gateway', name, '--concurrency', '1'];
      this.#start(`east ${name}`, ['gateway', 'run', '--state-dir', this.stateDir('east'), ...flags]);
    }
    this.#start('west', ['controller', '--state-dir', this.stateDir('west')]);
    this.#start('west gateway', ['gateway', 'run', '--state-dir', this.stateDir('west'), '--concurrency', '1']);
  }

  /** What everything that is started from now on shares. */
  useStore(url: string): void {
    this.#store = url;
  }

  /** A store server in a process of its own. */
  async serveStore(): Promise<{ readonly url: string; readonly process: Running }> {
    const listen = ['--listen', `${this.#address(1)}:15090`];
    const process = this.#start('store', ['store', 'serve', '--state-dir', this.stateDir('east'), ...listen]);
    await until('the link of the store', () => LINK.test(process.output));
    return { url: LINK.exec(process.output)?.[0] ?? '', process };
  }

  process(name: string): Running {
    const running = this.#processes.get(name);
    if (running === undefined) throw new Error(`${name} was never started`);
    return running;
  }

  async role(name: ReplicaName): Promise<RoleObject | undefined> {
    // The controller is this program in another process.
    return (await askController(this.replicaDir(name), '/v1/role').catch(() => undefined)) as RoleObject | undefined;
  }

  async leader(): Promise<ReplicaName | undefined> {
    const roles = await Promise.all(REPLICAS.map(async (name) => ({ name, role: await this.role(name) })));
    const leading = roles.filter(({ role }) => role?.kind === 'leader' && role.epoch !== undefined);
    return leading.length === 1 ? leading[0]?.name : undefined;
  }

  /** Of east's gateways, those that this replica serves and that have everything it has for them. */
  async served(name: ReplicaName): Promise<number> {
    const list = await askController(this.replicaDir(name), '/v1/gateways').catch(() => undefined);
    // The controller is this program in another process.
    const items = (list as ListObject<'Gateway', GatewayItem> | undefined)?.items ?? [];
    const own = items.filter(({ spec }) => spec.cluster === 'east').map(({ status }) => status.programmed);
    return own.filter((programmed) => programmed?.connected === true && programmed.pending === 0).length;
  }

  /** Whether this replica knows what `export` wrote. */
  async knows(name: ReplicaName, extra: number): Promise<boolean> {
    const list = await askController(this.replicaDir(name), '/v1/endpoints').catch(() => undefined);
    // The controller is this program in another process.
    const items = (list as ListObject<'Endpoint', EndpointItem> | undefined)?.items ?? [];
    return items.some(({ spec }) => spec.address === `${extraAddress(extra)}:80`);
  }

  async untilServedBy(name: ReplicaName): Promise<void> {
    await until(`both gateways at ${name}`, async () => (await this.served(name)) === GATEWAYS.length);
  }

  /** Changes what east exports beside `web`: an endpoint, and an annotation, which the leader has to commit at once. */
  async export(extra: number): Promise<void> {
    const { address, port } = this.#backend.address() as AddressInfo;
    const service = (name: string, endpoints: readonly unknown[], annotations = {}): string =>
      stringify({
        apiVersion: 'isthmus.dev/v1alpha1',
        kind: 'Service',
        metadata: { namespace: 'default', name, annotations },
        spec: { export: true, ports: [{ name: 'http', port: 80, appProtocol: 'http' }], endpoints },
      });
    const web = service('web', [{ address, ports: { http: port } }]);
    const more = service('more', [{ address: extraAddress(extra), ports: { http: 80 } }], { change: String(extra) });
    const file = this.#servicesFile();
    await writeFile(`${file}.new`, `${web}---\n${more}`);
    await rename(`${file}.new`, file);
  }

  #servicesFile(): string {
    return join(this.folder, 'services.yaml');
  }

  #address(host: number): string {
    return `${this.#network}.${host}`;
  }

  #start(name: string, args: readonly string[]): Running {
    const store = args[0] === 'controller' ? ['--store', this.store] : [];
    const running = new Running([...args, ...store]);
    this.#processes.set(name, running);
    this.#all.push(running);
    return running;
  }

  /** In this order: whoever still runs writes into the folder. */
  async #end(): Promise<void> {
    for (const running of this.#all) running.signal('SIGCONT');
    await Promise.all(this.#all.map((running) => running.end('SIGKILL')));
    this.#backend.close();
    this.#backend.closeAllConnections();
    await rm(this.folder, { recursive: true, force: true, maxRetries: 10 });
  }

  async #enrol(): Promise<void> {
    await this.export(0);
    const gatewayPort = await freePort();
    const own = (host: number, listen: string): readonly string[] => [
      ...['--gateway-address', this.#address(host), '--gateway-port', String(gatewayPort)],
      ...['--listen-address', listen, '--egress-address', this.#address(host)],
    ];
    const port = 15_090;
    const store = `${this.#address(1)}:${port}`;
    const east = this.stateDir('east');
    const init = initArguments(east, port, [
      ...own(1, '0.0.0.0'),
      '--store-listen',
      store,
      '--services',
      this.#servicesFile(),
    ]);
    await succeed(this.#t, init);
    await this.#addGateway(east);
    const founding = new Running(['controller', '--state-dir', east]);
    await until('a founding controller', () => founding.output.includes('controller serves'));
    const query = '/v1/tokens?cluster=west';
    const { token } = (await askController(east, query, 'POST')) as { readonly token: string };
    await succeed(this.#t, joinArguments(this.stateDir('west'), token, own(2, this.#address(2))));
    await founding.end('SIGTERM');
  }

  /** At an address of its own; both listen on all, and the kernel shares connections out between them. */
  async #addGateway(stateDir: string): Promise<void> {
    const file = join(stateDir, 'site.yaml');
    const site = parse(await readFile(file, 'utf8')) as { spec: { gateways: object[] } };
    const [first] = site.spec.gateways;
    site.spec.gateways = [{ ...first }, { ...first, name: 'second', address: this.#address(4) }];
    await writeFile(file, stringify(site), { mode: 0o600 });
  }
}

function extraAddress(extra: number): string {
  return `10.0.0.${1 + (extra % 200)}`;
}

async function succeed(t: TestContext, args: readonly string[]): Promise<void> {
  const { code, stderr } = await isthmus(t, args);
  if (code !== 0) throw new Error(`isthmus ${args.join(' ')} ended with ${code}: ${stderr}`);
}
