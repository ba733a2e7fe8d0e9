import { healthAnswer, type HealthCheckResult, type Routes } from '../controller/admin/routes.ts';
import type { GatewayAgent } from '../gateway-config/agent/gateway-agent.ts';
import { errorText } from '../runtime/errors.ts';
import type { Logger } from '../runtime/log.ts';
import type { Metrics } from '../runtime/metrics.ts';

/** What a gateway agent in a pod answers to kubelet and to scrapers: its own state, and the figures of its Envoy. */
export interface GatewayProbesComponents {
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Undefined until the controller was there for the first time. */
  readonly agent: () => GatewayAgent | undefined;
}

export function gatewayRoutes(components: GatewayProbesComponents): Routes {
  const readiness = new GatewayReadiness(components);
  return {
    '/healthz': { surfaces: ['health'], answer: () => healthAnswer([{ name: 'agent', ok: true }]) },
    '/readyz': { surfaces: ['health'], answer: async () => healthAnswer(await readiness.checks()) },
    '/metrics': {
      surfaces: ['metrics'],
      answer: async () => ({
        status: 200,
        type: 'text/plain; version=0.0.4; charset=utf-8',
        body: `${await components.metrics.text()}${await envoyFigures(components)}`,
      }),
    },
  };
}

/**
 * Ready is who can serve: Envoy is live and has its configuration, from the controller or, where that is away, from the
 * last time. A certificate is asked for only where there is a controller to sign one: own pods are served without.
 */
export class GatewayReadiness {
  readonly #agent: () => GatewayAgent | undefined;
  /** Envoy's stream is away for a moment whenever the controllers change; what it has it keeps. */
  #wasConfigured = false;

  constructor({ agent }: Pick<GatewayProbesComponents, 'agent'>) {
    this.#agent = agent;
  }

  async checks(): Promise<readonly HealthCheckResult[]> {
    const agent = this.#agent();
    if (agent === undefined) return [{ name: 'controller', ok: false, message: 'waited for, nothing is kept' }];
    const state = await agent.admin.state();
    const { server, hasLeaf } = agent;
    if (server !== 'nobody') this.#wasConfigured = true;
    return [
      { name: 'envoy', ok: state === 'LIVE', message: state ?? 'does not answer' },
      { name: 'configuration', ok: this.#wasConfigured, message: `from ${server}` },
      { name: 'certificate', ok: hasLeaf || server === 'cache', message: hasLeaf ? undefined : 'none yet' },
    ];
  }
}

async function envoyFigures({ agent, log }: GatewayProbesComponents): Promise<string> {
  try {
    return (await agent()?.admin.get('/stats/prometheus?usedonly'))?.toString('utf8') ?? '';
  } catch (error) {
    // It is starting, or starting again: the agent's own figures say so.
    log.debug('envoy gave no figures', { reason: errorText(error) });
    return '';
  }
}
