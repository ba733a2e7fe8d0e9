/**
 * Two sites as real processes on loopback addresses of their own, each with a controller, a gateway and a service that the
 * other calls. What is moved under them is the store: their `Site` is edited and their controllers are started again, as a
 * user does it.
 */
import { once } from 'node:events';
import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { parse, stringify } from 'yaml';
import { askController } from '../../cli/admin-client.ts';
import { initArguments, isthmus, joinArguments, Running } from '../../cli/processes.fixture.ts';
import type { GatewayItem } from '../../controller/views/gateways.ts';
import type { ListObject } from '../../controller/views/objects.ts';
import type { ServiceItem } from '../../controller/views/services.ts';
import type { StoreItem } from '../../controller/views/stores.ts';
import { until as untilSome } from '../../demo/until.ts';
import { SystemClock } from '../../runtime/clock.ts';

export const SITES = ['east', 'west'] as const;
export type SiteName = (typeof SITES)[number];

const STORE_PORT = 15_090;
/** A machine that runs other tests too may be slow; what is counted here are failed requests. */
const FACT_WITHIN_MS = 60_000;
const clock = new SystemClock();

export async function until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  await untilSome(clock, { what, timeoutMs: FACT_WITHIN_MS }, async () => ((await isSo()) ? true : undefined));
}

export class Deployment {
  readonly folder: string;
  readonly #t: TestContext;
  readonly #network: string;
  readonly #controllers = new Map<SiteName, Running>();
  readonly #backends = new Map<SiteName, Server>();

  private constructor(t: TestContext, folder: string) {
    this.#t = t;
    this.folder = folder;
    // A process id names two octets that no other test of this machine uses now.
    this.#network = `127.${40 + ((process.pid >> 8) & 0x1f)}.${process.pid & 0xff}`;
  }

  /** Founds and joins over the store server of `east`, and starts everything. */
  static async start(t: TestContext): Promise<Deployment> {
    const folder = await mkdtemp(join(tmpdir(), 'isw-'));
    t.after(() => rm(folder, { recursive: true, force: true, maxRetries: 3 }));
    const made = new Deployment(t, folder);
    for (const site of SITES) await made.#startBackend(site);
    await made.#enrol();
    for (const site of SITES) {
      await made.startController(site);
      made.#run(['gateway', 'run', '--state-dir', made.stateDir(site), '--concurrency', '1']);
    }
    return made;
  }

  /** A store server that belongs to nobody yet. @returns its link, with the claim */
  async startStoreServer(): Promise<string> {
    const listen = ['--listen', `${this.#address(5)}:${STORE_PORT}`];
    const server = this.#run(['store', 'serve', '--state-dir', join(this.folder, 'store'), ...listen]);
    await server.untilSaid(/^isthmus:\S+/m);
    return /^isthmus:\S+/m.exec(server.output)?.[0] ?? '';
  }

  stateDir(site: SiteName): string {
    return join(this.folder, site);
  }

  async startController(site: SiteName): Promise<void> {
    const running = this.#run(['controller', '--state-dir', this.stateDir(site)]);
    this.#controllers.set(site, running);
    await running.untilSaid(/controller serves/);
  }

  async restartController(site: SiteName, signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    await this.#controllers.get(site)?.end(signal);
    await this.startController(site);
  }

  /** What a site's list of stores is. */
  async storesOf(site: SiteName): Promise<readonly string[]> {
    return (await this.#readSite(site)).spec.store;
  }

  /** Edits a site's list of stores; its controller reads it when it starts. */
  async listStores(site: SiteName, stores: readonly string[]): Promise<void> {
    const document = await this.#readSite(site);
    document.spec.store = stores;
    const file = join(this.stateDir(site), 'site.yaml');
    await writeFile(`${file}.new`, stringify(document), { mode: 0o600 });
    await rename(`${file}.new`, file);
  }

  /** East's controller stops serving its store to the others when it starts next. */
  async withoutStoreServer(): Promise<void> {
    const document = await this.#readSite('east');
    delete document.spec.listen?.['store'];
    await writeFile(join(this.stateDir('east'), 'site.yaml'), stringify(document), { mode: 0o600 });
  }

  async stores(site: SiteName): Promise<readonly StoreItem[]> {
    return (await this.#list<StoreItem>(site, 'stores')).items;
  }

  /** Every store that the site lists is up, and lacks nothing that is known. */
  async untilComplete(site: SiteName): Promise<void> {
    await until(`every store of ${site} to be complete`, async () => {
      const stores = await this.stores(site).catch(() => []);
      return (
        stores.length > 0 &&
        stores.every(({ status }) => status.link === 'up' && status.behind === 0 && status.pending === false)
      );
    });
  }

  async untilProgrammed(site: SiteName): Promise<void> {
    await until(`the gateway of ${site}`, async () => {
      const list = await this.#list<GatewayItem>(site, 'gateways').catch(() => undefined);
      const own = list?.items.find(({ spec }) => spec.cluster === site)?.status.programmed;
      return own?.connected === true && own.pending === 0;
    });
  }

  /** Where workloads of a site reach what another site exports. */
  async callAt(site: SiteName, service: string): Promise<string> {
    let callAt: string | undefined;
    await until(`${site} to be able to call ${service}`, async () => {
      const list = await this.#list<ServiceItem>(site, 'services').catch(() => undefined);
      const item = list?.items.find(({ metadata }) => metadata.name === service);
      callAt = (item?.status.backends.length ?? 0) > 0 ? item?.spec.ports[0]?.callAt : undefined;
      return callAt !== undefined;
    });
    return `http://${callAt ?? ''}/`;
  }

  /** Exports a further service of `site` and waits until the other site knows it. */
  async exportNews(site: SiteName, name: string): Promise<void> {
    await this.#writeServices(site, [name]);
    const other = site === 'east' ? 'west' : 'east';
    await until(`${other} to hear of ${name}`, async () => {
      const list = await this.#list<ServiceItem>(other, 'services').catch(() => undefined);
      return list?.items.some(({ metadata }) => metadata.name === name) === true;
    });
  }

  async #list<Item>(site: SiteName, noun: string): Promise<ListObject<string, Item>> {
    // The controller is this program in another process.
    return (await askController(this.stateDir(site), `/v1/${noun}`)) as ListObject<string, Item>;
  }

  async #startBackend(site: SiteName): Promise<void> {
    const backend = createServer((_, response) => response.end(site));
    backend.listen(0, this.#address(site === 'east' ? 3 : 4));
    await once(backend, 'listening');
    this.#t.after(() => backend.close());
    this.#backends.set(site, backend);
    await this.#writeServices(site, []);
  }

  /** `web-SITE`, and further ones at the same place. */
  async #writeServices(site: SiteName, more: readonly string[]): Promise<void> {
    const backend = this.#backends.get(site);
    if (backend === undefined) throw new Error(`${site} has no backend`);
    // A TCP server's address is an object.
    const { address, port } = backend.address() as AddressInfo;
    const documents = [`web-${site}`, ...more].map((name) =>
      stringify({
        apiVersion: 'isthmus.dev/v1alpha1',
        kind: 'Service',
        metadata: { namespace: 'default', name },
        spec: {
          export: true,
          ports: [{ name: 'http', port: 80, appProtocol: 'http' }],
          endpoints: [{ address, ports: { http: port } }],
        },
      }),
    );
    const file = this.#servicesFile(site);
    await writeFile(`${file}.new`, documents.join('---\n'));
    await rename(`${file}.new`, file);
  }

  #servicesFile(site: SiteName): string {
    return join(this.folder, `services-${site}.yaml`);
  }

  #address(host: number): string {
    return `${this.#network}.${host}`;
  }

  #run(args: readonly string[]): Running {
    const running = new Running(args);
    this.#t.after(() => running.end('SIGKILL'));
    return running;
  }

  async #enrol(): Promise<void> {
    const own = (site: SiteName, host: number): readonly string[] => [
      ...['--gateway-address', this.#address(host), '--listen-address', this.#address(host)],
      ...['--egress-address', this.#address(host), '--services', this.#servicesFile(site)],
    ];
    const storeListen = ['--store-listen', `${this.#address(1)}:${STORE_PORT}`];
    const init = initArguments(this.stateDir('east'), STORE_PORT, [...own('east', 1), ...storeListen]);
    await succeed(this.#t, init);
    const founding = this.#run(['controller', '--state-dir', this.stateDir('east')]);
    await founding.untilSaid(/controller serves/);
    const { token } = (await askController(this.stateDir('east'), '/v1/tokens?cluster=west', 'POST')) as {
      readonly token: string;
    };
    await succeed(this.#t, joinArguments(this.stateDir('west'), token, own('west', 2)));
    await founding.end('SIGTERM');
  }

  async #readSite(site: SiteName): Promise<Site> {
    // Written by `init` and `join` of this program.
    return parse(await readFile(join(this.stateDir(site), 'site.yaml'), 'utf8')) as Site;
  }
}

interface Site {
  readonly spec: { store: readonly string[]; readonly listen?: Record<string, string> };
}

async function succeed(t: TestContext, args: readonly string[]): Promise<void> {
  const { code, stderr } = await isthmus(t, args);
  if (code !== 0) throw new Error(`isthmus ${args.join(' ')} ended with ${code}: ${stderr}`);
}
