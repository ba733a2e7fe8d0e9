/**
 * A new controller in a process of its own, as `isthmus controller` runs it but for its admin socket. The bench starts it
 * with `fork`, hands over a `ReaderInit` as its argument and hears `ReaderReport`s.
 */
import { toSiteConfig } from '../../controller/config/site.ts';
import { SITE_SCHEMA } from '../../controller/config/site-schema.ts';
import { Controller } from '../../controller/controller.ts';
import { Engine } from '../../controller/engine.ts';
import type { ClusterView } from '../../federation/model/state.ts';
import { openStore } from '../../federation/store/open.ts';
import { API_VERSION } from '../../sources/documents/validate.ts';
import { SystemClock } from '../../runtime/clock.ts';
import { createLogger } from '../../runtime/log.ts';
import { SystemRandom } from '../../runtime/random.ts';
import { DOMAIN } from './names.ts';
import { ListeningMetrics } from './listening-metrics.ts';
import type { ReaderInit, ReaderReport, ReaderRequest, ReaderState, ReaderUsage } from './reader-messages.ts';
import { stateHash } from './state-hash.ts';

const loadedMs = performance.now();
const LATENCIES_MAX = 500_000;
const views: { lastMs: number; onView?: (view: ClusterView) => void } = { lastMs: 0 };

/** A controller restores what it has on disk before anybody has it in hand: there is one engine in this process. */
function listenToViews(): void {
  // oxlint-disable-next-line typescript/unbound-method -- called below with its own `this`
  const withView = Engine.prototype.withView;
  Engine.prototype.withView = function (view): void {
    withView.call(this, view);
    views.lastMs = performance.now();
    views.onView?.(view);
  };
}

class Reader {
  readonly #controller: Controller;
  readonly #members: number;
  /** Versions that were taken over and not derived yet: when their heads were signed. */
  readonly #pending: number[] = [];
  #latenciesMs: number[] = [];
  #derivations = 0;
  #complete = false;

  constructor(controller: Controller, metrics: ListeningMetrics, { members }: ReaderInit) {
    this.#controller = controller;
    this.#members = members;
    // Listened to at the seams between the parts, so that the product carries nothing for this bench.
    const { xds } = controller;
    const setSnapshot = xds.setSnapshot.bind(xds);
    xds.setSnapshot = (snapshot) => {
      setSnapshot(snapshot);
      this.#look();
    };
    views.onView = (view) => this.#pending.push(view.head.issuedAtMs);
    metrics.onDerived = () => this.#derived();
    this.#look();
  }

  asked(request: ReaderRequest): void {
    if (request === 'stop') void this.#controller.close().then(() => process.exit(0));
    else if (request === 'usage') report({ is: 'usage', usage: this.#usage() });
    else report({ is: 'state', state: this.#state() });
  }

  #look(): void {
    if (this.#complete || !this.#controller.firstSync.complete) return;
    if (this.#controller.engine.derived.state.peers.size < this.#members) return;
    this.#complete = true;
    const sinceStartMs = performance.now();
    report({ is: 'complete', loadedMs, verifiedMs: views.lastMs, sinceStartMs, usage: this.#usage() });
  }

  #derived(): void {
    this.#derivations += 1;
    const nowMs = performance.timeOrigin + performance.now();
    for (const signedAtMs of this.#pending) {
      if (this.#latenciesMs.length < LATENCIES_MAX) this.#latenciesMs.push(nowMs - signedAtMs);
    }
    this.#pending.length = 0;
  }

  #usage(): ReaderUsage {
    const { user, system } = process.cpuUsage();
    const main = process.threadCpuUsage();
    const { rss, heapUsed, external } = process.memoryUsage();
    const latenciesMs = this.#latenciesMs;
    this.#latenciesMs = [];
    return {
      cpuMs: (user + system) / 1000,
      mainCpuMs: (main.user + main.system) / 1000,
      rssBytes: rss,
      heapBytes: heapUsed + external,
      atMs: Number(process.hrtime.bigint()) / 1e6,
      derivations: this.#derivations,
      latenciesMs,
    };
  }

  #state(): ReaderState {
    const { state, snapshot } = this.#controller.engine.derived;
    const versions = [...state.peers].map(([cluster, { view }]) => [cluster, view.head.version] as const);
    return {
      services: state.services.size,
      resources: [...snapshot.resources.values()].reduce((sum, resources) => sum + resources.size, 0),
      hash: stateHash(state),
      versions: Object.fromEntries(versions),
    };
  }
}

function report(message: ReaderReport): void {
  process.send?.(message);
}

async function start(init: ReaderInit): Promise<void> {
  listenToViews();
  const document = SITE_SCHEMA.parse({
    apiVersion: API_VERSION,
    kind: 'Site',
    metadata: { name: init.cluster },
    spec: {
      clusterset: DOMAIN,
      network: 'net-reader',
      store: [init.storeUrl],
      stateDir: init.stateDir,
      gateways: [{ name: 'gw', address: '198.18.255.1' }],
      logLevel: 'warn',
      ...(init.imports === undefined ? {} : { imports: init.imports }),
    },
  });
  const config = toSiteConfig(document, (_field, path) => path);
  const metrics = new ListeningMetrics();
  const log = createLogger({ level: 'warn', base: { component: 'reader' } });
  const components = { clock: new SystemClock(), random: new SystemRandom(), log, metrics };
  const controller = await Controller.start(config, {
    ...components,
    lookup: () => Promise.resolve([]),
    openStore: (url, signing) => {
      const identity = { kind: 'member', cluster: config.cluster, svid: () => signing.current } as const;
      const open = { ...components, clusterset: DOMAIN, identity };
      return openStore(url, open);
    },
  });
  const reader = new Reader(controller, metrics, init);
  // The bench is this program's only caller, in the same version.
  process.on('message', (request: ReaderRequest) => reader.asked(request));
  process.on('disconnect', () => process.exit(0));
}

// The bench is this program's only caller, in the same version.
await start(JSON.parse(process.argv[2] ?? '{}') as ReaderInit);
