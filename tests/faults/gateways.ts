/**
 * Three sites as `isthmus up` runs them, with real Envoys, and load through them: for what only a data plane can show. The
 * callers are at east, the applications at west and edge, so that every request crosses two gateways.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeSite } from '../../controller/enrol/site-document.ts';
import { stateFolder } from '../../controller/state-folder.ts';
import { LoadProcess } from '../../demo/load/load-process.ts';
import { openLab } from '../../demo/lab/open.ts';
import type { Lab } from '../../demo/lab/lab.ts';
import type { LabProcess } from '../../demo/lab/process.ts';
import { summarise } from '../../demo/load/summary.ts';
import { backendsOf } from '../../demo/federation.ts';
import { CLI, DemoSite } from '../../demo/site.ts';
import { until } from '../../demo/until.ts';
import { parseClusterId, type ClusterId } from '../../federation/model/ids.ts';
import { SystemClock } from '../../runtime/clock.ts';
import { silentLogger } from '../../runtime/log.ts';
import { loadNamedTopology } from '../../topologies/load.ts';
import { DOMAIN, EAST, TestClusterset } from './clusterset.ts';
import type { Stage } from './suite.ts';

const START_LIMIT_MS = 60_000;
const STREAM = 'shop';
const PEERS = ['west', 'edge'];
/** As the supervisor logs it, whatever the order of the fields. */
const CONTROLLER_STARTED = /^(?=.*"msg":"part started")(?=.*"part":"controller").*"pid":(?<pid>\d+).*$/gm;
export const REQUESTS_PER_SECOND = 500;

export class Gateways {
  readonly clock: SystemClock;
  readonly sites: readonly DemoSite[];
  readonly clusterset: TestClusterset;
  readonly #lab: Lab;
  readonly #load: LoadProcess;
  readonly #trees = new Map<string, LabProcess>();

  private constructor(parts: { clock: SystemClock; lab: Lab; load: LoadProcess; clusterset: TestClusterset }) {
    this.clock = parts.clock;
    this.clusterset = parts.clusterset;
    this.#lab = parts.lab;
    this.#load = parts.load;
    this.sites = parts.lab.sites.map((host) => new DemoSite({ clock: parts.clock, lab: parts.lab }, { host }));
  }

  /** Running, each sees the others, and load flows. Owned by the stage. */
  static async start(stage: Stage, init: { readonly storeOf: (cluster: ClusterId) => string }): Promise<Gateways> {
    const clock = new SystemClock();
    const topology = await loadNamedTopology('no-kube-3');
    const { lab } = await openLab({ clock, log: silentLogger }, { topology, prefer: 'loopback' });
    stage.owned.use(lab);
    const load = await LoadProcess.start({ clock, lab }, { host: 'east/app' });
    const clusterset = new TestClusterset(clock.epochMs(), 'development');
    const gateways = new Gateways({ clock, lab, load, clusterset });
    await Promise.all(gateways.sites.map((site) => gateways.#startSite(site, init.storeOf(parseClusterId(site.name)))));
    await gateways.#startLoad();
    return gateways;
  }

  site(cluster: ClusterId): DemoSite {
    const site = this.sites.find(({ name }) => name === cluster);
    if (site === undefined) throw new Error(`no site ${cluster}`);
    return site;
  }

  /** `kill -9` of a controller; its gateway goes on, and the controller is started again by its supervisor. */
  async killController(cluster: ClusterId): Promise<void> {
    const tree = this.#trees.get(cluster);
    if (tree === undefined) throw new Error(`${cluster} was never started`);
    const started = (await readFile(tree.logFile, 'utf8')).matchAll(CONTROLLER_STARTED);
    const pid = Number([...started].at(-1)?.groups?.['pid'] ?? Number.NaN);
    if (Number.isNaN(pid)) throw new Error(`no controller of ${cluster} was found`);
    process.kill(pid, 'SIGKILL');
  }

  /** Ends the load. @returns what became of its requests */
  async endLoad(): Promise<{ readonly ok: number; readonly failed: number; readonly detail: string }> {
    await this.#load.end(STREAM);
    const { requests, failed, answers, failures } = summarise(this.#load.samples());
    return { ok: requests - failed, failed, detail: JSON.stringify({ answers, failures }) };
  }

  async #startSite(site: DemoSite, store: string): Promise<void> {
    const cluster = parseClusterId(site.name);
    const { wan, lan } = site.host;
    await this.clusterset.enrol(cluster, site.stateDir);
    const isCaller = cluster === EAST;
    const backends = isCaller ? [] : backendsOf(site.host);
    await Promise.all(backends.map((backend) => site.startBackend(backend)));
    await site.writeServices(isCaller ? [] : [{ name: STREAM, kind: 'http', export: true, backends }]);
    await writeSite(stateFolder(site.stateDir).site, {
      cluster,
      clusterset: DOMAIN,
      network: `net-${cluster}`,
      store: [store],
      stateDir: site.stateDir,
      services: [join(site.servicesFile, '..')],
      gatewayAddress: wan,
      listenAddress: wan,
      egressAddress: lan,
      podCIDRs: [],
      authority: isCaller,
      dev: true,
      healthListen: 'off',
      metricsListen: 'off',
    });
    const args = [CLI, 'up', '--state-dir', site.stateDir];
    this.#trees.set(
      cluster,
      this.#lab.spawn(`${site.name}/gateway`, process.execPath, args, { name: `${site.name}-up` }),
    );
  }

  async #startLoad(): Promise<void> {
    const [east] = this.sites;
    if (east === undefined) throw new Error('no east');
    await east.untilServed(STREAM, { west: 2, edge: 2 }, START_LIMIT_MS);
    const place = await east.callAt(STREAM);
    await this.#untilAnswered(place);
    this.#load.start({ name: STREAM, kind: 'http', ...place, ratePerSecond: REQUESTS_PER_SECOND });
  }

  /** East's gateway has its configuration; those of the peers may still be on their way to theirs. */
  async #untilAnswered({ host, port }: { readonly host: string; readonly port: number }): Promise<void> {
    const wait = { what: `${STREAM} answers from ${PEERS.join(' and ')}`, timeoutMs: START_LIMIT_MS };
    const heard = new Set<string>();
    await until(this.clock, wait, async () => {
      const response = await fetch(`http://${host}:${port}/`);
      const answer = await response.text();
      if (!response.ok) heard.clear();
      for (const peer of PEERS) if (response.ok && answer.includes(peer)) heard.add(peer);
      return heard.size === PEERS.length ? true : undefined;
    });
  }
}
