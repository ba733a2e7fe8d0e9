/**
 * Three sites a, b and c on one machine, each a real Envoy with the product's own resources: a imports what all three
 * export. Knowledge is handed in by the test, so that a site can be wrong about another on purpose.
 */
import { compile } from '../../gateway-config/compile.ts';
import type { GatewayIR } from '../../gateway-config/ir.ts';
import { VoidToken } from '../../gateway-config/ir.ts';
import { toSnapshot } from '../../gateway-config/resources/resources.ts';
import type { Snapshot } from '../../gateway-config/snapshot.ts';
import type { LocalScenario, PeerScenario, Scenario } from '../../gateway-config/testing/scenario.fixture.ts';
import { compileInputOf, TEST_DOMAIN, TEST_GATEWAY_SET } from '../../gateway-config/testing/scenario.fixture.ts';
import { Backend } from './backend.ts';
import type { TestTrust } from './certificates.ts';
import { makeTrust } from './certificates.ts';
import { FileGateway } from './file-gateway.ts';
import { freePorts } from './free-ports.ts';
import { waitFor } from './wait.ts';

export type SiteName = 'a' | 'b' | 'c';
export const SITES: readonly SiteName[] = ['a', 'b', 'c'];

export const WEB = 'shop/web:80';
export const DB = 'shop/db:5432';
export const API = 'shop/api:9000';
/** Ready endpoints that b and c claim: the shares of traffic. */
export const READY: Readonly<Record<string, number>> = { b: 3, c: 1 };

const PORTS_OF: Readonly<Record<string, string>> = {
  'shop/web': '80 http web',
  'shop/db': '5432 tcp pg',
  'shop/api': '9000 grpc rpc',
};
const KIND_OF = { 'shop/web': 'http', 'shop/db': 'tcp', 'shop/api': 'h2c' } as const;

export interface Site {
  readonly name: SiteName;
  readonly gateway: FileGateway;
  readonly backend: Backend;
  readonly port: number;
}

export interface Mesh extends AsyncDisposable {
  readonly trust: TestTrust;
  readonly a: Site;
  readonly b: Site;
  readonly c: Site;
  /** Where a's workloads connect, by service port. */
  readonly egress: Readonly<Record<string, number>>;
  /** Gives a site other knowledge than it has by default. */
  readonly tell: (site: SiteName, change: (scenario: Scenario) => Scenario) => Promise<void>;
}

export async function startMesh(): Promise<Mesh> {
  const stack = new AsyncDisposableStack();
  try {
    return await buildMesh(stack);
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
}

async function buildMesh(stack: AsyncDisposableStack): Promise<Mesh> {
  const trust = makeTrust(SITES, TEST_DOMAIN, TEST_GATEWAY_SET);
  const [a = 0, b = 0, c = 0, web = 0, db = 0, api = 0] = await freePorts(6);
  const eastWest: Readonly<Record<SiteName, number>> = { a, b, c };
  const egress = { [WEB]: web, [DB]: db, [API]: api };
  const planners = new Map<SiteName, Planner>();
  const sites = await Promise.all(
    SITES.map(async (name): Promise<Site> => {
      const backend = stack.use(await Backend.start(name));
      const planner = new Planner(trust, defaultScenario(name, eastWest, egress, backend));
      planners.set(name, planner);
      const leaf = trust.clusters[name]?.gateway;
      if (leaf === undefined) throw new Error(`no certificate for ${name}`);
      const voidToken = planner.voidToken;
      const gateway = stack.use(
        await FileGateway.start({ cluster: name, leaf, voidToken, snapshot: planner.plan((same) => same) }),
      );
      return { name, gateway, backend, port: eastWest[name] };
    }),
  );
  const site = (name: SiteName): Site => sites.find((item) => item.name === name) ?? missing(name);
  const tell: Mesh['tell'] = async (name, change) => {
    await site(name).gateway.apply((planners.get(name) ?? missing(name)).plan(change));
  };
  const mesh: Mesh = {
    trust,
    egress,
    tell,
    a: site('a'),
    b: site('b'),
    c: site('c'),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
  await Promise.all([uses(mesh, 'b'), uses(mesh, 'c')]);
  return mesh;
}

/** Resolves when a uses the gateway of a site again, for HTTP and TCP: no health flag on any of its endpoints. */
export async function uses(mesh: Mesh, name: SiteName): Promise<void> {
  await waitFor(`a uses ${name}`, async () => {
    const text = (await mesh.a.gateway.admin.get('/clusters')).toString('utf8');
    const flag = new RegExp(
      `^(?:peer\\|${name}|tcp\\|${DB})::127\\.0\\.0\\.1:${mesh[name].port}::health_flags::(.*)$`,
      'gm',
    );
    const found = [...text.matchAll(flag)].map((match) => match[1]);
    return found.length === 2 && found.every((flags) => flags === 'healthy');
  });
}

/** Compiles one site's knowledge, each time from the last result. */
class Planner {
  readonly voidToken = new VoidToken(`void-${Math.random()}`);
  readonly #trust: TestTrust;
  readonly #scenario: Scenario;
  #last: { readonly ir: GatewayIR; readonly snapshot: Snapshot } | undefined;

  constructor(trust: TestTrust, scenario: Scenario) {
    this.#trust = trust;
    this.#scenario = scenario;
  }

  plan(change: (scenario: Scenario) => Scenario): Snapshot {
    const frame = { domain: TEST_DOMAIN, anchors: this.#trust.anchors, voidToken: this.voidToken };
    const ir = compile(compileInputOf(change(this.#scenario), frame), this.#last?.ir);
    const snapshot = toSnapshot(ir, this.#last);
    this.#last = { ir, snapshot };
    return snapshot;
  }
}

function defaultScenario(
  name: SiteName,
  eastWest: Readonly<Record<SiteName, number>>,
  egress: Readonly<Record<string, number>>,
  backend: Backend,
): Scenario {
  const local = Object.entries(KIND_OF).map(([key, kind]): [string, LocalScenario] => {
    const port = PORTS_OF[key] ?? '';
    const ports = { [Number(port.split(' ')[0])]: backend.ports[kind] };
    return [key, { ports: [port], endpoints: [{ address: '127.0.0.1', ports, ready: true }] }];
  });
  const peers = SITES.filter((peer) => peer !== name).map((peer): [string, PeerScenario] => [
    peer,
    { network: `net-${peer}`, gateways: [{ host: '127.0.0.1', port: eastWest[peer] }], services: claims(peer) },
  ]);
  return {
    site: {
      cluster: name,
      network: `net-${name}`,
      eastWest: { address: '127.0.0.1', port: eastWest[name] },
      egressAddress: '127.0.0.1',
    },
    local: Object.fromEntries(local),
    peers: Object.fromEntries(peers),
    // b and c import nothing.
    ports: name === 'a' ? egress : {},
  };
}

function claims(peer: SiteName): NonNullable<PeerScenario['services']> {
  const ready = READY[peer] ?? 1;
  return Object.fromEntries(
    Object.entries(PORTS_OF).map(([key, port]) => [
      key,
      { ports: [port], ready: { [Number(port.split(' ')[0])]: ready } },
    ]),
  );
}

function missing(what: string): never {
  throw new Error(`there is no ${what}`);
}
