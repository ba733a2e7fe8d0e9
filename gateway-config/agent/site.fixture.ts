import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseClusterId } from '../../federation/model/ids.ts';
import type { AttachRequest, GatewayReport } from '../../protos/gen/isthmus/agent/v1/agent_pb.ts';
import { SystemClock } from '../../runtime/clock.ts';
import { createLogger, silentLogger } from '../../runtime/log.ts';
import { Metrics } from '../../runtime/metrics.ts';
import { SystemRandom } from '../../runtime/random.ts';
import { issueClusterCa, issueLeaf, issueRoot, toPem } from '../../trust/certificates.ts';
import { PrivateKey } from '../../trust/private-key.ts';
import { controllerId, formatSpiffeId, gatewayId, type SpiffeId, trustDomainOf } from '../../trust/spiffe.ts';
import type { Snapshot } from '../snapshot.ts';
import type { RemoteAgents, ServerSvid } from '../xds/remote-port.ts';
import { XdsServer } from '../xds/server.ts';
import { socketTarget } from './controller-target.ts';
import { findEnvoy } from './envoy-binary.ts';
import { type GatewayAgent, runGatewayAgent } from './gateway-agent.ts';

/** A controller's xDS server with a certificate authority, and a gateway agent with a real Envoy, for tests. */
const CLUSTER = parseClusterId('east');
const DOMAIN = 'prod.example.org';
const DAY_MS = 86_400_000;

export const GATEWAY = 'gw-1';
/** A loaded test machine gets this long for what takes milliseconds. */
export const WAIT_MS = 20_000;

export const clock = new SystemClock();
export const random = new SystemRandom();
export const log = process.env['TEST_LOG'] === undefined ? silentLogger : createLogger({ level: 'debug' });

/** A folder short enough for unix sockets. */
export async function makeFolder(): Promise<{ readonly path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), 'ist-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true, maxRetries: 3 }) };
}

export class TestAuthority {
  readonly root: Uint8Array;
  readonly clusterCa: Uint8Array;
  readonly #caKey = PrivateKey.generate();

  constructor() {
    const rootKey = PrivateKey.generate();
    const nowMs = clock.epochMs();
    this.root = issueRoot({ key: rootKey, clustersetDomain: DOMAIN, nowMs, serial: random.bytes(16) });
    this.clusterCa = issueClusterCa({
      issuerKey: rootKey,
      issuerCertificate: this.root,
      publicKey: this.#caKey.publicKey,
      trustDomain: trustDomainOf(CLUSTER, DOMAIN),
      nowMs,
      serial: random.bytes(16),
    });
  }

  /** What a controller of this cluster shows its agents. */
  controllerSvid(id: SpiffeId = controllerId(CLUSTER, DOMAIN), lifetimeMs = DAY_MS): ServerSvid {
    const key = PrivateKey.generate();
    const leaf = issueLeaf({
      issuerKey: this.#caKey,
      issuerCertificate: this.clusterCa,
      publicKey: key.publicKey,
      id,
      nowMs: clock.epochMs(),
      lifetimeMs,
      serial: random.bytes(16),
    });
    return { key, chain: [leaf, this.clusterCa] };
  }

  leafChain(publicKey: Uint8Array, lifetimeMs = DAY_MS): string {
    const leaf = issueLeaf({
      issuerKey: this.#caKey,
      issuerCertificate: this.clusterCa,
      publicKey,
      id: gatewayId(CLUSTER, DOMAIN, 'one'),
      nowMs: clock.epochMs(),
      lifetimeMs,
      serial: random.bytes(16),
    });
    return toPem([leaf, this.clusterCa]);
  }
}

export interface TestController extends AsyncDisposable {
  readonly server: XdsServer;
  readonly attached: AttachRequest[];
  readonly reports: GatewayReport[];
  readonly metrics: Metrics;
  leavesSigned: number;
}

export interface TestControllerInit {
  readonly socketPath: string;
  readonly authority: TestAuthority;
  readonly snapshot?: Snapshot;
  /** Default: half a day. */
  readonly renewAfterMs?: number;
  readonly voidToken?: string;
  readonly turnedAway?: () => string | undefined;
  readonly remote?: RemoteAgents;
}

export async function startController(init: TestControllerInit): Promise<TestController> {
  const attached: AttachRequest[] = [];
  const reports: GatewayReport[] = [];
  const metrics = new Metrics();
  const server = new XdsServer(
    { clock, log, metrics },
    {
      listen: { socketPath: init.socketPath },
      turnedAway: init.turnedAway,
      remote: init.remote,
      handlers: {
        attach: async (request) => {
          attached.push(request);
          return {
            cluster: CLUSTER,
            clustersetDomain: DOMAIN,
            gatewaySet: 'one',
            identity: formatSpiffeId(gatewayId(CLUSTER, DOMAIN, 'one')),
            voidToken: init.voidToken ?? 'a'.repeat(32),
            network: 'net-east',
          };
        },
        signLeaf: async (request) => {
          controller.leavesSigned += 1;
          return {
            chainPem: init.authority.leafChain(request.publicKey),
            notAfterMs: BigInt(clock.epochMs() + DAY_MS),
            renewAtMs: BigInt(clock.epochMs() + (init.renewAfterMs ?? DAY_MS / 2)),
          };
        },
        report: (report) => void reports.push(report),
        reportEnded: () => undefined,
      },
    },
  );
  const controller: TestController = {
    server,
    attached,
    reports,
    metrics,
    leavesSigned: 0,
    [Symbol.asyncDispose]: () => server.close(),
  };
  if (init.snapshot !== undefined) server.setSnapshot(init.snapshot);
  await server.start();
  return controller;
}

export interface TestAgent extends AsyncDisposable, GatewayAgent {}

export async function startAgent(init: {
  readonly controllerSocket: string;
  /** Of other replicas. */
  readonly furtherSockets?: readonly string[];
  readonly stateDir: string;
  readonly signal?: AbortSignal;
}): Promise<TestAgent> {
  const agent = await runGatewayAgent(
    {
      controllers: () => [init.controllerSocket, ...(init.furtherSockets ?? [])].map(socketTarget),
      stateDir: init.stateDir,
      gateway: GATEWAY,
      envoy: {
        binary: findEnvoy({ env: process.env }),
        concurrency: 1,
        stdout: 'ignore',
        stderr: process.env['TEST_LOG'] === undefined ? 'ignore' : 'inherit',
      },
    },
    { clock, log, random, metrics: new Metrics() },
    init.signal,
  );
  return Object.create(agent, { [Symbol.asyncDispose]: { value: () => agent.close() } }) as TestAgent; // agent plus dispose
}

/** A port that nothing listens on at this moment. */
export async function freePort(): Promise<number> {
  const server = createServer();
  const port = await listen(server);
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export function listen(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      if (typeof address === 'object' && address !== null) resolve(address.port);
    });
  });
}

/** Asks again until it is so. For facts that nobody tells, like what a foreign process shows. */
export async function eventually(fact: () => Promise<boolean> | boolean, withinMs = 20_000): Promise<void> {
  const signal = AbortSignal.timeout(withinMs);
  while (!(await fact())) await clock.sleep(10, signal);
}

/** Resources that this controller has sent since it started. */
export async function sentResources(controller: TestController): Promise<number> {
  const lines = (await controller.metrics.text()).matchAll(/^isthmus_xds_resources_sent_total\{.*\} (\d+)$/gm);
  return [...lines].reduce((sum, [, count]) => sum + Number(count), 0);
}

/** Waits until the gateway has judged every resource of the snapshot. */
export async function programmed(controller: TestController, snapshot: Snapshot, withinMs = WAIT_MS): Promise<void> {
  const { ledger } = controller.server;
  await ledger.when(() => ledger.standing(GATEWAY, snapshot).pending === 0, AbortSignal.timeout(withinMs));
}
