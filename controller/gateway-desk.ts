import type { ClusterId } from '../federation/model/ids.ts';
import { isDnsLabel, parseClusterId } from '../federation/model/ids.ts';
import type { VoidToken } from '../gateway-config/ir.ts';
import type { AgentHandlers } from '../gateway-config/xds/agent-service.ts';
import type { AttachRequest, GatewayReport, SignLeafRequest } from '../protos/gen/isthmus/agent/v1/agent_pb.ts';
import type { Clock } from '../runtime/clock.ts';
import { IsthmusError } from '../runtime/errors.ts';
import type { Logger } from '../runtime/log.ts';
import type { CounterHandle, Metrics } from '../runtime/metrics.ts';
import type { Random } from '../runtime/random.ts';
import { toPem } from '../trust/certificates.ts';
import { type ClusterIssuer, renewAtMs } from '../trust/issuer.ts';
import { verifySignature } from '../trust/private-key.ts';
import { formatSpiffeId, gatewayId } from '../trust/spiffe.ts';

/**
 * What the controller answers its gateway agents: who they are, their certificates, and what it makes of their reports.
 * Agents are authenticated before, by the 0600 socket or the token they come with; a certificate is built from the
 * configured identity, and from the request only the public key is taken.
 */
export interface GatewayDeskInit {
  readonly cluster: ClusterId;
  readonly clustersetDomain: string;
  readonly network: string;
  readonly gatewaySet: string;
  /** Any other is refused. */
  readonly gateways: OwnGateways;
  readonly voidToken: VoidToken;
  readonly onProbe: (gateway: string, peer: ClusterId, healthy: number, total: number) => void;
  readonly onUnhealthy: (unhealthy: ReadonlySet<string>) => void;
}

/**
 * Which gateways are this site's: those that its `Site` names, or in Kubernetes every pod that has proven to be one, whose
 * names nobody knows beforehand.
 */
export type OwnGateways = readonly string[] | 'all that are let in';

export interface GatewayDeskComponents {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly issuer: ClusterIssuer;
}

/** Domain separation of the proof of possession (agent.proto). */
const PROOF_PREFIX = new TextEncoder().encode('isthmus-leaf-v1\n');
/** A report names peers and checked endpoints; more than this is not a gateway of this product. */
const REPORT_ITEMS_MAX = 100_000;

export class GatewayRefusedError extends IsthmusError {
  constructor(code: string, message: string, fields: Record<string, unknown>, hint?: string) {
    super(code, message, hint === undefined ? { fields } : { fields, hint });
  }
}

export class GatewayDesk implements AgentHandlers {
  readonly #components: GatewayDeskComponents;
  readonly #init: GatewayDeskInit;
  readonly #issued: CounterHandle;
  /** Failed endpoint checks as each gateway saw them last, and whether it still reports. */
  readonly #opinions = new Map<string, { readonly failed: ReadonlySet<string>; readonly reporting: boolean }>();
  readonly #live = new Set<string>();
  readonly #heard = Promise.withResolvers<void>();
  #unhealthy: ReadonlySet<string> = new Set();

  constructor(components: GatewayDeskComponents, init: GatewayDeskInit) {
    this.#components = components;
    this.#init = init;
    this.#issued = components.metrics.counter('isthmus_leaf_issued_total', 'Gateway certificates signed', ['gateway']);
  }

  /** Gateways whose Envoy was live at the last report. */
  get liveGateways(): ReadonlySet<string> {
    return this.#live;
  }

  /** Resolves when a live gateway has told how the endpoints are that it checks. */
  get heard(): Promise<void> {
    return this.#heard.promise;
  }

  async attach(request: AttachRequest): ReturnType<AgentHandlers['attach']> {
    this.#checkName(request.gateway);
    const { cluster, clustersetDomain, gatewaySet, network, voidToken } = this.#init;
    this.#components.log.info('gateway agent attached', { gateway: request.gateway, instance: request.instance });
    return {
      cluster,
      clustersetDomain,
      gatewaySet,
      network,
      identity: formatSpiffeId(gatewayId(cluster, clustersetDomain, gatewaySet)),
      voidToken: voidToken.reveal(),
    };
  }

  async signLeaf(request: SignLeafRequest): ReturnType<AgentHandlers['signLeaf']> {
    this.#checkName(request.gateway);
    const proven = verifySignature(request.publicKey, Buffer.concat([PROOF_PREFIX, request.publicKey]), request.proof);
    if (!proven) {
      throw new GatewayRefusedError('proof-refused', 'the request does not prove that its sender has the key', {
        gateway: request.gateway,
      });
    }
    const { clock, issuer, random, log } = this.#components;
    const issued = issuer.issueGateway(this.#init.gatewaySet, request.publicKey, clock.epochMs());
    this.#issued.add({ gateway: request.gateway });
    log.info('gateway certificate signed', { gateway: request.gateway, notAfterMs: issued.notAfterMs });
    return {
      chainPem: toPem(issued.chain),
      notAfterMs: BigInt(issued.notAfterMs),
      renewAtMs: BigInt(renewAtMs(issued, random)),
    };
  }

  report(report: GatewayReport): void {
    const { gateway, peers, endpoints } = report;
    if (!this.#isOwn(gateway) || peers.length + endpoints.length > REPORT_ITEMS_MAX) {
      this.#components.log.warn('a gateway report was ignored', { gateway, items: peers.length + endpoints.length });
      return;
    }
    if (report.envoyLive) this.#live.add(gateway);
    else this.#live.delete(gateway);
    for (const { cluster, healthy, total } of peers) {
      if (isDnsLabel(cluster)) this.#init.onProbe(gateway, parseClusterId(cluster), healthy, total);
    }
    // An Envoy that is not live has checked nothing.
    if (!report.envoyLive) return;
    const failed = endpoints.filter(({ healthy }) => !healthy).map(({ service, endpoint }) => `${service}|${endpoint}`);
    this.#remember(gateway, { failed: new Set(failed), reporting: true });
    this.#heard.resolve();
  }

  /**
   * A gateway that is gone has no say any more beside those that are there. Where it was the last, what it saw stays
   * until one reports again: an agent that starts anew must not make a dead endpoint look alive for a second.
   */
  reportEnded(gateway: string): void {
    this.#live.delete(gateway);
    const before = this.#opinions.get(gateway);
    if (before !== undefined) this.#remember(gateway, { ...before, reporting: false });
    this.#components.log.info('gateway report ended', { gateway });
  }

  #remember(gateway: string, opinion: { readonly failed: ReadonlySet<string>; readonly reporting: boolean }): void {
    this.#opinions.set(gateway, opinion);
    const reporting = [...this.#opinions.values()].filter((one) => one.reporting).map(({ failed }) => failed);
    const [first, ...others] = reporting;
    if (first === undefined) return;
    // Pods come and go under ever new names: those that have no say are not kept.
    for (const [name, one] of this.#opinions) if (!one.reporting) this.#opinions.delete(name);
    // One gateway that reaches the endpoint is enough: it is unhealthy when all that check it say so.
    const unhealthy = new Set([...first].filter((item) => others.every((other) => other.has(item))));
    if (unhealthy.size === this.#unhealthy.size && [...unhealthy].every((item) => this.#unhealthy.has(item))) return;
    this.#unhealthy = unhealthy;
    this.#init.onUnhealthy(unhealthy);
  }

  #checkName(gateway: string): void {
    if (this.#isOwn(gateway)) return;
    const { gateways } = this.#init;
    const hint =
      typeof gateways === 'string' ? 'a gateway is named by a DNS label' : `configured: ${gateways.join(', ')}`;
    throw new GatewayRefusedError(
      'unknown-gateway',
      `no gateway ${JSON.stringify(gateway.slice(0, 80))} is configured`,
      { gateway: gateway.slice(0, 80) },
      hint,
    );
  }

  #isOwn(gateway: string): boolean {
    const { gateways } = this.#init;
    return typeof gateways === 'string' ? isDnsLabel(gateway) : gateways.includes(gateway);
  }
}
