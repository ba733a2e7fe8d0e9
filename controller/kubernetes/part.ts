import type { LeaseBoard, Store } from '../../federation/store/contract.ts';
import type { GatewayRecord } from '../../federation/model/records.ts';
import { openStore } from '../../federation/store/open.ts';
import type { KubeTransport, OpenKubeTransport } from '../../kubernetes/api/transport.ts';
import { KubeLeaseBoard } from '../../kubernetes/lease/lease-board.ts';
import { OWN_NAMES } from '../../kubernetes/names.ts';
import type { GatewayWatch } from '../../kubernetes/source/gateway-watch.ts';
import type { PolicyWatch } from '../../kubernetes/source/policy-watch.ts';
import type { KubernetesSource } from '../../kubernetes/source/kubernetes-source.ts';
import { openPodTransport } from '../../kubernetes/service-account.ts';
import { TokenReviewer } from '../../kubernetes/token-review.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Logger } from '../../runtime/log.ts';
import type { Metrics } from '../../runtime/metrics.ts';
import type { Random } from '../../runtime/random.ts';
import type { GatewayAuthenticator } from '../../trust/gateway-authenticator.ts';
import type { JoinToken } from '../../trust/token.ts';
import type { KubernetesConfig, SiteConfig } from '../config/site.ts';
import { reachedFromHere } from '../enrol/join-store.ts';
import { type Keep, openKeep } from '../keep/open-keep.ts';
import type { KeepState } from '../keep/waiting.ts';
import type { Source } from '../source.ts';
import { stateFolder } from '../state-folder.ts';
import { ClusterReflectors } from './cluster-reflectors.ts';
import { gatewayRecords, KubernetesKnowledge } from './knowledge.ts';

/**
 * What a controller has of its Kubernetes cluster from before its own parts are made: the identity that outlives pods, the
 * lease, and the sources. What it writes there comes later (`cluster-writer.ts`).
 */
export interface KubernetesPart extends AsyncDisposable {
  readonly config: KubernetesConfig;
  readonly transport: KubeTransport;
  readonly keep: Keep;
  readonly board: LeaseBoard;
  readonly authenticator: GatewayAuthenticator;
  readonly reflectors: ClusterReflectors;
  readonly services: KubernetesSource;
  readonly gateways: GatewayWatch;
  /** What the people of the cluster decided. */
  readonly decided: PolicyWatch;
  /** As the controller takes it: known when all of these are. */
  readonly source: Source;
  /** What is published of the own gateways. */
  readonly gatewayRecords: readonly GatewayRecord[];
}

export interface OpenKubernetesComponents {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly metrics: Metrics;
}

export interface OpenKubernetesInit {
  readonly kubernetes: KubernetesConfig;
  readonly replica: string;
  readonly signal: AbortSignal;
  readonly onState: (state: KeepState) => void;
}

/** Waits for an identity, which may take as long as a person needs to hand over a token. @throws the signal's reason */
export async function openKubernetes(
  config: SiteConfig,
  components: OpenKubernetesComponents,
  init: OpenKubernetesInit,
): Promise<KubernetesPart> {
  const { kubernetes, replica } = init;
  const { namespace } = kubernetes;
  await using opened = new AsyncDisposableStack();
  const transport = await openTransport(kubernetes, components);
  opened.defer(() => transport.close());
  const board = new KubeLeaseBoard({ ...components, transport }, { namespace, objectName: () => OWN_NAMES.lease });
  const folder = stateFolder(config.stateDir, replica);
  // By the token's own login: that of the site may not be there yet, or may not join.
  const openJoinStore = (token: JoinToken): Promise<Store> =>
    openStore(reachedFromHere(token.store, config.store), {
      ...components,
      clusterset: token.clustersetDomain,
      identity: { kind: 'joiner', tokenId: token.tokenId, storeSecret: token.storeSecret.reveal() },
    });
  const keep = opened.use(
    await openKeep(
      { ...components, transport, board, openJoinStore },
      { ...init, ...config, namespace, folder, replica, clustersetDomain: config.clusterset },
    ),
  );
  const reflectors = new ClusterReflectors({ ...components, transport }, { namespace });
  const knowledge = new KubernetesKnowledge({ ...components, reflectors }, { config, kubernetes, folder: folder.own });
  opened.defer(() => knowledge.close());
  await knowledge.start();
  const authenticator = new TokenReviewer({ ...components, transport }, { namespace });
  const running = opened.move();
  return {
    config: kubernetes,
    transport,
    keep,
    board,
    authenticator,
    reflectors,
    services: knowledge.services,
    gateways: knowledge.gateways,
    decided: knowledge.decided,
    source: knowledge,
    get gatewayRecords() {
      return gatewayRecords(knowledge.gateways.facts?.addresses ?? []);
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

/** What reads kubeconfig files is large, and no pod needs it. */
async function openTransport(
  { kubeconfig }: KubernetesConfig,
  components: OpenKubernetesComponents,
): Promise<OpenKubeTransport> {
  if (kubeconfig === undefined) return openPodTransport(components, { env: process.env, userAgent: 'isthmus' });
  const { openKubeTransport } = await import('../../kubernetes/client.ts');
  return openKubeTransport({ kubeconfig }, components);
}
