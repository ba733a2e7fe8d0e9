/**
 * The Envoys of one check: an importer `a` and the exporters that the check asks for, with the product's own resources,
 * each resource passed through the mutant. Applications and certificates are shared between checks, Envoys never.
 */
import { serviceKey, servicePortKey } from '../../federation/model/ids.ts';
import type { HealthCheck } from '../../federation/model/local.ts';
import { compile } from '../../gateway-config/compile.ts';
import type { GatewayIR } from '../../gateway-config/ir.ts';
import { VoidToken } from '../../gateway-config/ir.ts';
import { toSnapshot } from '../../gateway-config/resources/resources.ts';
import type { Snapshot } from '../../gateway-config/snapshot.ts';
import type { LocalScenario, PeerScenario, Scenario } from '../../gateway-config/testing/scenario.fixture.ts';
import { compileInputOf, TEST_DOMAIN, TEST_GATEWAY_SET } from '../../gateway-config/testing/scenario.fixture.ts';
import { Backend } from '../envoy/backend.ts';
import type { TestTrust } from '../envoy/certificates.ts';
import { makeTrust } from '../envoy/certificates.ts';
import { FileGateway } from '../envoy/file-gateway.ts';
import { freePorts } from '../envoy/free-ports.ts';
import { waitFor } from '../envoy/wait.ts';
import type { CountedEdit, Edit } from './edits.ts';
import type { Pod } from './pods.ts';

export const WEB = servicePortKey(serviceKey('shop', 'web'), 80);
export const DB = servicePortKey(serviceKey('shop', 'db'), 5432);

export type ExporterName = 'b' | 'c';
const CLUSTERS = ['a', 'b', 'c'] as const;

/** Port of a peer's gateway at which nobody listens. */
export const DEAD_GATEWAY = 9;

/** What all checks share. */
export class World implements AsyncDisposable {
  readonly trust: TestTrust = makeTrust(CLUSTERS, TEST_DOMAIN, TEST_GATEWAY_SET);
  readonly pods: Readonly<Record<(typeof CLUSTERS)[number], Backend>>;
  #paths = 0;

  private constructor(pods: World['pods']) {
    this.pods = pods;
  }

  static async start(): Promise<World> {
    const [a, b, c] = await Promise.all([Backend.start('a'), Backend.start('b'), Backend.start('c')]);
    return new World({ a, b, c });
  }

  /** A path of its own below a path of the applications, so that executions can be counted beside other checks. */
  path(below: string): string {
    this.#paths += 1;
    return `${below}/run-${this.#paths}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(Object.values(this.pods).map((pod) => pod[Symbol.asyncDispose]()));
  }
}

export interface ExporterPlan {
  readonly cluster: ExporterName;
  readonly pods: readonly Pod[];
  /** Default true. False: withdrawn, and the importer does not know yet. */
  readonly exported?: false;
  readonly healthCheck?: HealthCheck;
}

export interface Exporter {
  readonly gateway: FileGateway;
  readonly port: number;
}

export interface PeerPlan {
  /** East-west ports of its gateways. */
  readonly gateways: readonly number[];
  /** Ready endpoints it claims: its weight. */
  readonly ready: number;
}

export interface ImporterPlan {
  readonly own: readonly Pod[];
  readonly peers: Readonly<Partial<Record<ExporterName, PeerPlan>>>;
  /** A state between two updates that no plan leads to. Comes before the mutant. */
  readonly between?: Edit;
}

export interface Importer {
  readonly gateway: FileGateway;
  /** Where workloads connect. */
  readonly web: number;
  readonly db: number;
  readonly learn: (plan: ImporterPlan) => Promise<void>;
}

export class RefusedMutantError extends Error {
  override readonly name = 'RefusedMutantError';
}

export class Lab implements AsyncDisposable {
  readonly world: World;
  readonly #edit: CountedEdit;
  readonly #stack = new AsyncDisposableStack();

  constructor(world: World, edit: CountedEdit) {
    this.world = world;
    this.#edit = edit;
  }

  /** It lives as long as the Envoys do. */
  use<T extends AsyncDisposable>(part: T): T {
    return this.#stack.use(part);
  }

  async exporter(plan: ExporterPlan): Promise<Exporter> {
    const [port = 0] = await freePorts(1);
    const item = local(plan.pods, plan.healthCheck);
    const scenario: Scenario = {
      site: siteOf(plan.cluster, port),
      peers: { a: { network: 'net-a', gateways: [] } },
      local: plan.exported === false ? {} : item,
      ports: {},
    };
    return { gateway: await this.#start(plan.cluster, new Planner(this.world.trust), scenario), port };
  }

  /** Resolves when it uses every gateway of its peers that lives. */
  async importer(plan: ImporterPlan): Promise<Importer> {
    const [port = 0, web = 0, db = 0] = await freePorts(3);
    const planner = new Planner(this.world.trust);
    const scenarioOf = ({ own, peers }: ImporterPlan): Scenario => ({
      site: { ...siteOf('a', port), egressAddress: '127.0.0.1' },
      peers: Object.fromEntries(Object.entries(peers).map(([name, peer]) => [name, peerOf(name, peer)])),
      local: local(own),
      ports: { [WEB]: web, [DB]: db },
    });
    const gateway = await this.#start('a', planner, scenarioOf(plan), plan.between);
    for (const [name, peer] of Object.entries(plan.peers)) {
      for (const at of peer.gateways) if (at !== DEAD_GATEWAY) await uses(gateway, name, at);
    }
    return { gateway, web, db, learn: (next) => gateway.apply(planner.plan(scenarioOf(next))) };
  }

  async #start(cluster: string, planner: Planner, scenario: Scenario, between?: Edit): Promise<FileGateway> {
    const leaf = this.world.trust.clusters[cluster]?.gateway;
    if (leaf === undefined) throw new Error(`no certificate for ${cluster}`);
    const snapshot = planner.plan(scenario);
    const { voidToken } = planner;
    const edit: Edit = (resource, type) => this.#edit.apply(between?.(resource, type) ?? resource, type);
    const gateway = this.use(await FileGateway.start({ cluster, leaf, voidToken, snapshot, edit }));
    const rejected = Object.entries(await gateway.stats('update_rejected$')).filter(([, count]) => count > 0);
    // Such an Envoy would fail any check, for the wrong reason.
    if (rejected.length > 0)
      throw new RefusedMutantError(`envoy of ${cluster} refused it: ${gateway.log().slice(-1_000)}`);
    return gateway;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}

class Planner {
  readonly voidToken = new VoidToken(`void-${Math.random()}`);
  readonly #trust: TestTrust;
  #last: { readonly ir: GatewayIR; readonly snapshot: Snapshot } | undefined;

  constructor(trust: TestTrust) {
    this.#trust = trust;
  }

  plan(scenario: Scenario): Snapshot {
    const frame = { domain: TEST_DOMAIN, anchors: this.#trust.anchors, voidToken: this.voidToken };
    const ir = compile(compileInputOf(scenario, frame), this.#last?.ir);
    const snapshot = toSnapshot(ir, this.#last);
    this.#last = { ir, snapshot };
    return snapshot;
  }
}

function siteOf(cluster: string, port: number): Scenario['site'] {
  return { cluster, network: `net-${cluster}`, eastWest: { address: '127.0.0.1', port } };
}

function local(pods: readonly Pod[], healthCheck?: HealthCheck): Record<string, LocalScenario> {
  const item = (port: string, kind: 'http' | 'tcp'): LocalScenario => ({
    ports: [port],
    endpoints: pods.map((pod) => ({
      address: pod.address,
      ports: { [Number(port.split(' ')[0])]: pod[kind] },
      ready: true,
    })),
  });
  const web = item('80 http web', 'http');
  return {
    'shop/web': healthCheck === undefined ? web : { ...web, healthCheck },
    'shop/db': item('5432 tcp pg', 'tcp'),
  };
}

function peerOf(name: string, peer: PeerPlan): PeerScenario {
  return {
    network: `net-${name}`,
    gateways: peer.gateways.map((port) => ({ host: '127.0.0.1', port })),
    services: {
      'shop/web': { ports: ['80 http web'], ready: { 80: peer.ready } },
      'shop/db': { ports: ['5432 tcp pg'], ready: { 5432: peer.ready } },
    },
  };
}

async function uses(gateway: FileGateway, peer: string, port: number): Promise<void> {
  await waitFor(`a uses ${peer}`, async () => {
    const text = (await gateway.admin.get('/clusters')).toString('utf8');
    return text.includes(`peer|${peer}::127.0.0.1:${port}::health_flags::healthy`);
  });
}
