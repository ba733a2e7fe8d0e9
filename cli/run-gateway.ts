import { basename } from 'node:path';
import type { SiteConfig } from '../controller/config/site.ts';
import { stateFolder } from '../controller/state-folder.ts';
import { PREDECESSOR_WAIT_MS, StateFolderInUseError, StateLock } from '../controller/state-lock.ts';
import { controllerSockets } from '../gateway-config/agent/controller-sockets.ts';
import { findEnvoy } from '../gateway-config/agent/envoy-binary.ts';
import { runGatewayAgent } from '../gateway-config/agent/gateway-agent.ts';
import { type Clock, SystemClock } from '../runtime/clock.ts';
import { createLogger, type Logger } from '../runtime/log.ts';
import { Metrics } from '../runtime/metrics.ts';
import { untilAborted } from '../runtime/until-aborted.ts';
import { SystemRandom } from '../runtime/random.ts';
import { preparePrivateFolder } from '../trust/private-file.ts';

/** The process of `isthmus gateway run`: a gateway agent and its Envoy until the signal. */
export interface GatewayRun {
  readonly gateway: string;
  readonly envoy?: string | undefined;
  readonly workers: number;
}

export async function runGateway(config: SiteConfig, run: GatewayRun, signal: AbortSignal): Promise<void> {
  const binary = findEnvoy({ flag: run.envoy, env: process.env });
  const folder = stateFolder(config.stateDir);
  const base = { component: 'gateway', cluster: config.cluster, gateway: run.gateway };
  const log = createLogger({ level: config.logLevel, base });
  const components = { clock: new SystemClock(), random: new SystemRandom(), metrics: new Metrics(), log };
  const stateDir = folder.gateway(run.gateway);
  await preparePrivateFolder(stateDir);
  using _lock = await takeGateway(components, { folder: stateDir, isReplica: config.replica !== undefined, signal });
  const socket = basename(folder.xdsSocket);
  const agent = await runGatewayAgent(
    {
      controllerSockets: () => controllerSockets({ sole: folder.xdsSocket, replicas: folder.replicas, socket }),
      gateway: run.gateway,
      stateDir,
      region: config.region,
      zone: config.zone,
      envoy: { binary, concurrency: run.workers },
    },
    components,
    signal,
  );
  try {
    await agent.live(signal);
    log.info('gateway serves', { envoyPid: agent.envoyPid });
    await untilAborted(signal);
  } finally {
    await agent.close();
  }
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
