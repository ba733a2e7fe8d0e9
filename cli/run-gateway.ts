import type { SiteConfig } from '../controller/config/site.ts';
import { stateFolder } from '../controller/state-folder.ts';
import { PREDECESSOR_WAIT_MS, StateLock } from '../controller/state-lock.ts';
import { findEnvoy } from '../gateway-config/agent/envoy-binary.ts';
import { runGatewayAgent } from '../gateway-config/agent/gateway-agent.ts';
import { SystemClock } from '../runtime/clock.ts';
import { createLogger } from '../runtime/log.ts';
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
  using _lock = await StateLock.take(components, { folder: stateDir, waitMs: PREDECESSOR_WAIT_MS });
  const agent = await runGatewayAgent(
    {
      controllerSocket: folder.xdsSocket,
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
