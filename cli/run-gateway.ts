import { lookup as dnsLookup } from 'node:dns/promises';
import { basename } from 'node:path';
import { AdminServer } from '../controller/admin/server.ts';
import type { SiteConfig } from '../controller/config/site.ts';
import { type StateFolder, stateFolder } from '../controller/state-folder.ts';
import { PREDECESSOR_WAIT_MS, StateFolderInUseError, StateLock } from '../controller/state-lock.ts';
import { ControllerNames } from '../gateway-config/agent/controller-names.ts';
import { controllerSockets } from '../gateway-config/agent/controller-sockets.ts';
import { type ControllerTarget, socketTarget } from '../gateway-config/agent/controller-target.ts';
import { findEnvoy } from '../gateway-config/agent/envoy-binary.ts';
import { type GatewayAgent, runGatewayAgent } from '../gateway-config/agent/gateway-agent.ts';
import { type Clock, SystemClock } from '../runtime/clock.ts';
import { createLogger, type Logger } from '../runtime/log.ts';
import { Metrics } from '../runtime/metrics.ts';
import { untilAborted } from '../runtime/until-aborted.ts';
import { SystemRandom } from '../runtime/random.ts';
import { preparePrivateFolder } from '../trust/private-file.ts';
import { type GatewayProbesComponents, gatewayRoutes } from './gateway-probes.ts';
import type { GatewaySite, RemoteRun } from './gateway-remote.ts';

/** The process of `isthmus gateway run`: a gateway agent and its Envoy until the signal. */
export interface GatewayRun {
  readonly gateway: string;
  readonly envoy?: string | undefined;
  readonly workers: number;
  /** Absent: the controllers are on this host, behind unix sockets in the state folder. */
  readonly remote?: RemoteRun | undefined;
}

export async function runGateway(
  site: GatewaySite & Pick<Partial<SiteConfig>, 'replica'>,
  run: GatewayRun,
  signal: AbortSignal,
): Promise<void> {
  const binary = findEnvoy({ flag: run.envoy, env: process.env });
  const base = { component: 'gateway', cluster: site.cluster, gateway: run.gateway };
  const log = createLogger({ level: site.logLevel, base });
  const components = { clock: new SystemClock(), random: new SystemRandom(), metrics: new Metrics(), log };
  const folder = stateFolder(site.stateDir);
  const stateDir = folder.gateway(run.gateway);
  await preparePrivateFolder(stateDir);
  await using stack = new AsyncDisposableStack();
  stack.use(await takeGateway(components, { folder: stateDir, isReplica: site.replica !== undefined, signal }));
  let agent: GatewayAgent | undefined;
  if (run.remote !== undefined) stack.use(await startProbes({ ...components, agent: () => agent }, run.remote));
  agent = await runGatewayAgent(
    {
      controllers: controllersOf(run.remote, components, folder),
      login: run.remote?.login,
      gateway: run.gateway,
      stateDir,
      region: site.region,
      zone: site.zone,
      envoy: { binary, concurrency: run.workers },
    },
    components,
    signal,
  );
  stack.defer(() => agent?.close());
  await agent.live(signal);
  log.info('gateway serves', { envoyPid: agent.envoyPid });
  await untilAborted(signal);
}

function controllersOf(
  remote: RemoteRun | undefined,
  components: { readonly clock: Clock; readonly log: Logger },
  folder: StateFolder,
): () => readonly ControllerTarget[] {
  if (remote === undefined) {
    const socket = basename(folder.xdsSocket);
    const where = { sole: folder.xdsSocket, replicas: folder.replicas, socket };
    return () => controllerSockets(where).map(socketTarget);
  }
  const names = new ControllerNames({ ...components, lookup }, remote);
  return () => names.targets();
}

async function lookup(host: string): Promise<readonly string[]> {
  return (await dnsLookup(host, { all: true })).map(({ address }) => address);
}

async function startProbes(
  components: GatewayProbesComponents & { readonly clock: Clock },
  { health, metrics }: RemoteRun,
): Promise<AsyncDisposable> {
  const server = new AdminServer(components, { routes: gatewayRoutes(components), health, metrics });
  await server.start();
  return { [Symbol.asyncDispose]: () => server.close() };
}

/**
 * A gateway runs once. Replicas of a site may all be told to run it: one does, and another when that one is gone, with
 * the configuration that it kept.
 */
async function takeGateway(
  components: { readonly clock: Clock; readonly log: Logger },
  init: { readonly folder: string; readonly isReplica: boolean; readonly signal: AbortSignal },
): Promise<StateLock> {
  const { folder, isReplica, signal } = init;
  if (!isReplica) return StateLock.take(components, { folder, waitMs: PREDECESSOR_WAIT_MS, signal });
  try {
    return await StateLock.take(components, { folder, waitMs: 0, signal });
  } catch (error) {
    if (!(error instanceof StateFolderInUseError)) throw error;
  }
  components.log.info('another process runs this gateway, this one stands by', { folder });
  return StateLock.take(components, { folder, waitMs: Number.POSITIVE_INFINITY, signal });
}
