import { join } from 'node:path';
import type { LocalView } from '../../federation/model/local.ts';
import type { GatewayAddress, GatewayRecord } from '../../federation/model/records.ts';
import { GatewayWatch } from '../../kubernetes/source/gateway-watch.ts';
import { KubernetesSource } from '../../kubernetes/source/kubernetes-source.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Finding } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import type { Metrics } from '../../runtime/metrics.ts';
import type { KubernetesConfig, SiteConfig } from '../config/site.ts';
import type { Source } from '../source.ts';
import type { ClusterReflectors } from './cluster-reflectors.ts';

/**
 * What is published of this cluster, as far as its API server tells it: exported services and where its gateways are. It
 * is known when both are: a cluster that told its services without its gateways would be called in vain.
 */
export const GATEWAY_RECORD_NAME = 'default';
const WEIGHT = 100;

export interface KubernetesKnowledgeComponents {
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly reflectors: ClusterReflectors;
}

export interface KubernetesKnowledgeInit {
  readonly config: SiteConfig;
  readonly kubernetes: KubernetesConfig;
  /** Of this replica alone: where the last good knowledge outlives the container. */
  readonly folder: string;
}

export class KubernetesKnowledge implements Source {
  readonly services: KubernetesSource;
  readonly gateways: GatewayWatch;

  constructor(components: KubernetesKnowledgeComponents, init: KubernetesKnowledgeInit) {
    const { reflectors } = components;
    const { kubernetes, config, folder } = init;
    const { gatewayAddress: host, gatewayPort: port } = kubernetes;
    this.services = new KubernetesSource(
      { ...components, reflectors: reflectors.exports },
      { memoryFile: join(folder, 'kubernetes-services') },
    );
    this.gateways = new GatewayWatch(
      { ...components, ...reflectors.gateway },
      {
        fixed: host === undefined ? [] : [{ host, port }],
        dev: config.dev,
        memoryFile: join(folder, 'kubernetes-gateway'),
      },
    );
  }

  async start(): Promise<void> {
    await Promise.all([this.services.start(), this.gateways.start()]);
  }

  get view(): LocalView {
    return this.services.view;
  }

  get findings(): readonly Finding[] {
    return [...this.services.findings, ...this.gateways.findings];
  }

  get known(): boolean {
    return this.services.known && this.gateways.facts !== undefined;
  }

  onChange(listener: (view: LocalView, findings: readonly Finding[]) => void): () => void {
    const tell = (): void => listener(this.view, this.findings);
    const undo = [this.services.onChange(tell), this.gateways.onChange(tell)];
    return () => {
      for (const one of undo) one();
    };
  }

  /** An export's own creation time says since when. */
  async adoptFirstSeen(): Promise<void> {}

  async close(): Promise<void> {
    await Promise.all([this.services.close(), this.gateways.close()]);
  }
}

/** One record for the whole set: its pods come and go, the Service in front of them stays. */
export function gatewayRecords(addresses: readonly GatewayAddress[]): readonly GatewayRecord[] {
  if (addresses.length === 0) return [];
  return [
    { kind: 'gateway', name: GATEWAY_RECORD_NAME, addresses, weight: WEIGHT, draining: false, modes: ['http', 'tcp'] },
  ];
}
