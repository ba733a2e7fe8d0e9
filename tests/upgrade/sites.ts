/**
 * Sites whose controllers run different versions, over the store that the authority's controller serves. Each exports
 * `web-NAME`, and each is asked in its own words what it sees of the others.
 */
import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { parse, stringify } from 'yaml';
import { askController } from '../../cli/admin-client.ts';
import { freePort, initArguments, joinArguments, type Outcome, Running } from '../../cli/processes.fixture.ts';
import type { ClusterItem } from '../../controller/views/clusters.ts';
import type { ListObject } from '../../controller/views/objects.ts';
import type { ServiceItem } from '../../controller/views/services.ts';
import { until } from '../redis/until.ts';

export class Sites {
  readonly folder: string;
  readonly #controllers = new Map<string, Running>();
  readonly #exports = new Map<string, readonly string[]>();
  readonly #started: Running[] = [];

  private constructor(folder: string) {
    this.folder = folder;
  }

  /** `east` founds, by that program. */
  static async found(t: TestContext, program: string): Promise<Sites> {
    const sites = new Sites(await mkdtemp(join(tmpdir(), 'isthmus-upgrade-')));
    t.after(() => sites.#end());
    await sites.#writeServices('east', []);
    await sites.#succeed(program, initArguments(sites.stateDir('east'), await freePort(), sites.#services('east')));
    await sites.run('east', program);
    return sites;
  }

  /** A member, by that program; its controller runs. @param network its own when absent */
  async join(name: string, program: string, more: readonly string[] = []): Promise<void> {
    await this.#writeServices(name, []);
    // The controller answers; its program is whatever it is.
    const { token } = (await askController(this.stateDir('east'), `/v1/tokens?cluster=${name}`, 'POST')) as {
      readonly token: string;
    };
    await this.#succeed(program, joinArguments(this.stateDir(name), token, [...this.#services(name), ...more]));
    await this.run(name, program);
  }

  stateDir(site: string): string {
    return join(this.folder, site);
  }

  /** Starts the controller of a site, in the place of the one that runs. */
  async run(site: string, program: string, signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    await this.#controllers.get(site)?.end(signal);
    const running = this.#start(program, ['controller', '--state-dir', this.stateDir(site)]);
    this.#controllers.set(site, running);
    await running.untilSaid(/controller serves/);
  }

  /** What the controller that runs there has said. */
  logOf(site: string): string {
    return this.#controllers.get(site)?.output ?? '';
  }

  command(program: string, args: readonly string[]): Promise<Outcome> {
    return this.#start(program, args).exited;
  }

  /** Edits `spec` of a site; its controller reads it when it starts. */
  async edit(site: string, spec: Readonly<Record<string, unknown>>): Promise<void> {
    const file = join(this.stateDir(site), 'site.yaml');
    const document = parse(await readFile(file, 'utf8')) as { spec: object }; // as `init` and `join` wrote it
    await writeFile(file, stringify({ ...document, spec: { ...document.spec, ...spec } }), { mode: 0o600 });
  }

  /** One more service of a site. */
  async export(site: string, name: string): Promise<void> {
    await this.#writeServices(site, [...(this.#exports.get(site) ?? []), name]);
  }

  async untilSeen(at: string, services: readonly string[]): Promise<void> {
    await until(`${at} to see ${services.join()}`, async () => {
      const seen = await this.#callable(at);
      return services.every((name) => seen.includes(name));
    });
  }

  async untilGone(at: string, service: string): Promise<void> {
    await until(`${at} to see ${service} no more`, async () => !(await this.#callable(at)).includes(service));
  }

  async cluster(at: string, name: string): Promise<ClusterItem | undefined> {
    const list = await this.#list<ClusterItem>(at, 'clusters');
    return list.items.find(({ metadata }) => metadata.name === name);
  }

  /** `CLUSTER/SERVICE` of all that have somebody behind them. */
  async #callable(at: string): Promise<readonly string[]> {
    const { items } = await this.#list<ServiceItem>(at, 'services');
    return items.flatMap(({ metadata, status }) => status.backends.map(({ cluster }) => `${cluster}/${metadata.name}`));
  }

  async #list<Item>(at: string, noun: string): Promise<ListObject<string, Item>> {
    return (await askController(this.stateDir(at), `/v1/${noun}`)) as ListObject<string, Item>; // both versions say it so
  }

  #services(site: string): readonly string[] {
    return ['--services', this.#servicesFile(site)];
  }

  #servicesFile(site: string): string {
    return join(this.folder, `services-${site}.yaml`);
  }

  async #writeServices(site: string, more: readonly string[]): Promise<void> {
    this.#exports.set(site, more);
    const documents = [`web-${site}`, ...more].map((name) =>
      stringify({
        apiVersion: 'isthmus.dev/v1alpha1',
        kind: 'Service',
        metadata: { namespace: 'default', name },
        spec: {
          export: true,
          ports: [{ name: 'http', port: 80, appProtocol: 'http' }],
          endpoints: [{ address: '192.0.2.10' }],
        },
      }),
    );
    const file = this.#servicesFile(site);
    await writeFile(`${file}.new`, documents.join('---\n'));
    await rename(`${file}.new`, file);
  }

  async #succeed(program: string, args: readonly string[]): Promise<void> {
    const { code, stderr } = await this.command(program, args);
    if (code !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${code}: ${stderr}`);
  }

  #start(program: string, args: readonly string[]): Running {
    const running = new Running(args, program);
    this.#started.push(running);
    return running;
  }

  async #end(): Promise<void> {
    await Promise.all(this.#started.map((running) => running.end('SIGKILL')));
    await rm(this.folder, { recursive: true, force: true });
  }
}
