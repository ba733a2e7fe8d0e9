import { join } from 'node:path';
import type { LocalView } from '../../federation/model/local.ts';
import type { GatewayAddress, GatewayRecord } from '../../federation/model/records.ts';
import type { SitePolicies } from '../../federation/model/site-policies.ts';
import { asReflected } from '../../kubernetes/source/as-reflected.ts';
import { GatewayWatch } from '../../kubernetes/source/gateway-watch.ts';
import { KubernetesSource } from '../../kubernetes/source/kubernetes-source.ts';
import { PolicyWatch } from '../../kubernetes/source/policy-watch.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Finding } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import type { Metrics } from '../../runtime/metrics.ts';
import type { KubernetesConfig, SiteConfig } from '../config/site.ts';
import type { Source } from '../source.ts';
import type { ClusterReflectors } from './cluster-reflectors.ts';

/**
 * What a controller knows of its own cluster, as far as its API server tells it: exported services, where its gateways are,
 * and what its people decided. It is known when all of it is: a cluster that told its services without its gateways would
 * be called in vain, and gateways programmed without an order would turn running traffic away.
 */
const GATEWAY_RECORD_NAME = 'default';
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
  readonly decided: PolicyWatch;

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
    const { policies, clusterSets } = reflectors.statuses;
    this.decided = new PolicyWatch(
      { ...components, policies: asReflected(policies), clusterSets: asReflected(clusterSets) },
      { memoryFile: join(folder, 'kubernetes-policies') },
    );
  }

  async start(): Promise<void> {
    await Promise.all([this.services.start(), this.gateways.start(), this.decided.start()]);
  }

  get view(): LocalView {
    return this.services.view;
  }

  get policies(): SitePolicies {
    return this.decided.value;
  }

  get findings(): readonly Finding[] {
    return [...this.services.findings, ...this.gateways.findings, ...this.decided.findings];
  }

  get known(): boolean {
    return this.services.known && this.gateways.facts !== undefined && this.decided.known;
  }

  onChange(listener: (view: LocalView, findings: readonly Finding[]) => void): () => void {
    const tell = (): void => listener(this.view, this.findings);
    const undo = [this.services.onChange(tell), this.gateways.onChange(tell), this.decided.onChange(tell)];
    return () => {
      for (const one of undo) one();
    };
  }

  /** An export's own creation time says since when. */
  async adoptFirstSeen(): Promise<void> {}

  async close(): Promise<void> {
    await Promise.all([this.services.close(), this.gateways.close(), this.decided.close()]);
  }
}

/** One record for the whole set: its pods come and go, the Service in front of them stays. */
export function gatewayRecords(addresses: readonly GatewayAddress[]): readonly GatewayRecord[] {
  if (addresses.length === 0) return [];
  return [
    { kind: 'gateway', name: GATEWAY_RECORD_NAME, addresses, weight: WEIGHT, draining: false, modes: ['http', 'tcp'] },
  ];
}
