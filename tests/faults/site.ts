/**
 * A site under test: the product's own controller in this process, with a state folder, a services file and a store, and
 * the eyes of an operator on it. No Envoy: what its gateways would get is read from what was derived for them.
 */
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { adminParts } from '../../controller/admin-parts.ts';
import type { AdminParts } from '../../controller/admin/routes.ts';
import { toSiteConfig } from '../../controller/config/site.ts';
import { SITE_SCHEMA } from '../../controller/config/site-schema.ts';
import { Controller } from '../../controller/controller.ts';
import { type JoinOffice, openJoinOffice } from '../../controller/join-office.ts';
import type { StatusObject } from '../../controller/views/status.ts';
import { type ClusterId, serviceKey } from '../../federation/model/ids.ts';
import type { LivenessVerdict } from '../../federation/model/state.ts';
import { openStore } from '../../federation/store/open.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Logger } from '../../runtime/log.ts';
import { Metrics } from '../../runtime/metrics.ts';
import { SystemRandom } from '../../runtime/random.ts';
import { API_VERSION } from '../../sources/documents/validate.ts';
import type { Recorder } from '../history/recorder.ts';
import { CLUSTERS, DOMAIN, EAST } from './clusterset.ts';
import { digestOfText, sampleOf } from './metric-text.ts';
import { Observer, statusOf } from './observer.ts';
import { RecordedStore } from './recorded-store.ts';

export interface SiteComponents {
  readonly clock: Clock;
  readonly log: Logger;
  readonly recorder: Recorder;
}

export interface SiteInit {
  readonly cluster: ClusterId;
  readonly directory: string;
  /** Newest valid head wins, where there are several. */
  readonly stores: readonly string[];
}

/** Exported by every site; the number of its endpoints is what a test changes and looks for. */
const SHOP = serviceKey('default', 'shop');

interface Running {
  readonly controller: Controller;
  readonly office: JoinOffice | undefined;
  readonly admin: AdminParts;
  readonly observer: Observer;
}

export class Site implements AsyncDisposable {
  readonly cluster: ClusterId;
  readonly stateDir: string;
  readonly #components: SiteComponents;
  readonly #servicesFile: string;
  #stores: readonly string[];
  #running: Running | undefined;
  #run = 0;
  #ready = 1;

  constructor(components: SiteComponents, init: SiteInit) {
    this.#components = components;
    this.cluster = init.cluster;
    this.stateDir = join(init.directory, init.cluster);
    this.#servicesFile = join(init.directory, `${init.cluster}-services`, 'services.yaml');
    this.#stores = init.stores;
  }

  /** Endpoints of `shop` that this site wants the others to see. */
  get ready(): number {
    return this.#ready;
  }

  get isRunning(): boolean {
    return this.#running !== undefined;
  }

  get controller(): Controller {
    if (this.#running === undefined) throw new Error(`${this.cluster} does not run`);
    return this.#running.controller;
  }

  get status(): StatusObject {
    return statusOf(this.#admin);
  }

  /** Starts it, again with other stores if they are given. */
  async start(stores: readonly string[] = this.#stores): Promise<void> {
    this.#stores = stores;
    this.#run += 1;
    await this.want(this.#ready);
    const { recorder } = this.#components;
    recorder.record({ kind: 'reader', reader: this.cluster, run: this.#run, state: 'started' });
    const metrics = new Metrics();
    const controller = await Controller.start(this.#config(), {
      ...this.#components,
      random: new SystemRandom(),
      metrics,
      lookup: () => Promise.resolve([]),
      openStore: async (url, signing) => {
        const identity = { kind: 'member', cluster: this.cluster, svid: () => signing.current } as const;
        const components = { ...this.#components, random: new SystemRandom(), metrics, clusterset: DOMAIN, identity };
        return new RecordedStore(await openStore(url, components), recorder);
      },
    });
    const admin = adminParts({ clock: this.#components.clock, metrics, controller }, { furtherChecks: [] });
    const observed = { reader: this.cluster, run: this.#run, controller, admin };
    const observer = new Observer(this.#components, observed);
    const office = this.cluster === EAST ? await this.#openOffice(controller) : undefined;
    this.#running = { controller, office, admin, observer };
  }

  /** Stops it: its state folder and what it has published stay. */
  async stop(): Promise<void> {
    const running = this.#running;
    if (running === undefined) return;
    this.#running = undefined;
    running.observer.stop();
    await running.office?.close();
    await running.controller.close();
    this.#components.recorder.record({ kind: 'reader', reader: this.cluster, run: this.#run, state: 'stopped' });
  }

  /** Changes its services file: `shop` has this many endpoints from now on. */
  async want(ready: number): Promise<void> {
    this.#ready = ready;
    await mkdir(join(this.#servicesFile, '..'), { recursive: true });
    await writeFile(`${this.#servicesFile}.new`, stringify(shopWith(ready)));
    await rename(`${this.#servicesFile}.new`, this.#servicesFile);
  }

  /** Endpoints of `shop` that this site would send its callers to, by the cluster that has them. */
  get sees(): ReadonlyMap<ClusterId, number> {
    const backends = this.controller.engine.derived.state.services.get(SHOP)?.backends ?? [];
    return new Map(backends.map(({ cluster, ready }) => [cluster, ready[0]?.ready ?? 0]));
  }

  verdictOf(cluster: ClusterId): LivenessVerdict | undefined {
    return this.controller.board.standings.get(cluster)?.liveness.verdict;
  }

  /** Identity of everything that its gateways would get: equal means that nothing is sent to them. */
  get programmed(): string {
    return digestOfText(this.#admin.debug['xds']?.());
  }

  /** Sum over all label sets that have these labels; undefined when there is no such sample. */
  async metric(name: string, labels: Readonly<Record<string, string>> = {}): Promise<number | undefined> {
    return sampleOf(await this.#admin.metrics(), name, labels);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  get #admin(): AdminParts {
    if (this.#running === undefined) throw new Error(`${this.cluster} does not run`);
    return this.#running.admin;
  }

  #config() {
    const index = CLUSTERS.indexOf(this.cluster) + 1;
    const document = SITE_SCHEMA.parse({
      apiVersion: API_VERSION,
      kind: 'Site',
      metadata: { name: this.cluster },
      spec: {
        clusterset: DOMAIN,
        network: `net-${this.cluster}`,
        store: this.#stores,
        stateDir: this.stateDir,
        services: [this.#servicesFile],
        gateways: [{ name: 'gateway', address: `198.18.0.${index}` }],
        authority: this.cluster === EAST,
        listen: { health: 'off', metrics: 'off', store: 'off' },
      },
    });
    return toSiteConfig(document, (_field, path) => path);
  }

  async #openOffice(controller: Controller): Promise<JoinOffice> {
    const components = { ...this.#components, random: new SystemRandom(), controller };
    return openJoinOffice(components, { storeUrl: this.#stores[0] ?? '' });
  }
}

function shopWith(ready: number): unknown {
  return {
    apiVersion: API_VERSION,
    kind: 'Service',
    metadata: { namespace: 'default', name: 'shop' },
    spec: {
      export: true,
      ports: [{ name: 'http', port: 80, appProtocol: 'http' }],
      endpoints: Array.from({ length: ready }, (_, index) => ({
        address: `10.0.0.${index + 1}`,
        ports: { http: 8080 },
      })),
    },
  };
}
