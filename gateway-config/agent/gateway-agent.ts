import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { AttachResponse } from '../../protos/gen/isthmus/agent/v1/agent_pb.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Logger } from '../../runtime/log.ts';
import { Metrics } from '../../runtime/metrics.ts';
import type { Random } from '../../runtime/random.ts';
import { VoidToken } from '../ir.ts';
import { GatewayStreams } from '../xds/gateway-streams.ts';
import { AdminClient } from './admin-client.ts';
import { AdsFront } from './ads-front.ts';
import { Attachment } from './attachment.ts';
import { bootstrapJson } from './bootstrap.ts';
import { CheckedExports } from './checked-exports.ts';
import { ConfigKeeper } from './config-keeper.ts';
import { ControllerLink } from './controller-link.ts';
import type { ControllerLogin } from './controller-login.ts';
import type { ControllerTarget } from './controller-target.ts';
import { Controllers } from './controllers.ts';
import { Downstream } from './downstream.ts';
import { EnvoyProcess, type EnvoyProcessInit } from './envoy-process.ts';
import { type LastConfig, loadLastConfig } from './last-config.ts';
import { LeafKeeper } from './leaf-keeper.ts';
import { ownSecretSnapshot } from './own-secret.ts';
import { Reporter } from './reporter.ts';
import { ResourceCache } from './resource-cache.ts';

/** The process beside each Envoy, composed: see the files that it names. */
export interface GatewayAgentInit {
  /** Where controllers of this site listen, as far as that is known: looked up at every attempt. */
  readonly controllers: () => readonly ControllerTarget[];
  /** Needed when some of them are on other hosts. */
  readonly login?: ControllerLogin | undefined;
  /** Name of this gateway instance, a DNS label; Envoy's node id. */
  readonly gateway: string;
  /** A folder of this gateway alone: sockets, bootstrap, last configuration. */
  readonly stateDir: string;
  readonly region?: string | undefined;
  readonly zone?: string | undefined;
  readonly heapBytes?: number | undefined;
  readonly envoy: Omit<EnvoyProcessInit, 'bootstrapPath' | 'adminSocket'>;
}

export interface GatewayAgentComponents {
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly random: Random;
}

export interface GatewayAgent {
  readonly adminSocket: string;
  readonly admin: AdminClient;
  /** Process id of the present Envoy. */
  readonly envoyPid: number | undefined;
  /** Who answers Envoy's ADS now. */
  readonly server: 'controller' | 'cache' | 'nobody';
  /** Whether the controller has signed a certificate since this agent began. */
  readonly hasLeaf: boolean;
  /** Resolves when Envoy is live; rejects when the agent is closed or the signal aborts. */
  live(signal?: AbortSignal): Promise<void>;
  /** Stops Envoy and the agent; the last configuration stays on disk. */
  close(): Promise<void>;
}

const SECRET_FILE_MODE = 0o600;

/**
 * Resolves when Envoy has been started: at once when the controller answers or a last configuration is on disk, else
 * when the controller first answers. `signal` ends that wait.
 * @throws ControllerRefusalError when the controller does not want this gateway
 */
export async function runGatewayAgent(
  init: GatewayAgentInit,
  components: GatewayAgentComponents,
  signal?: AbortSignal,
): Promise<GatewayAgent> {
  await mkdir(init.stateDir, { recursive: true, mode: 0o700 });
  const paths = pathsIn(init.stateDir);
  await using owned = new AsyncDisposableStack();
  const upstream = new Controllers(components, { ...init, targets: init.controllers });
  owned.defer(() => upstream.close());
  const kept = await loadLastConfig(paths.lastConfig, components.log);
  const attachment = await Attachment.first({ ...components, upstream }, kept?.attached, signal);
  await writeBootstrap(init, attachment.current, paths);

  const admin = new AdminClient({ socketPath: paths.adminSocket });
  const envoy = new EnvoyProcess(
    { ...components, admin },
    { ...init.envoy, bootstrapPath: paths.bootstrap, adminSocket: paths.adminSocket },
  );
  const reattach = async (): Promise<void> => {
    if ((await attachment.renew()) === 'same') return;
    delivery.keeper.attached(attachment.current);
    components.log.warn('the controller says something new about this gateway: envoy is started again with it');
    await writeBootstrap(init, attachment.current, paths);
    envoy.restart();
  };
  const delivery = startDelivery({ ...components, upstream }, owned, {
    kept,
    paths,
    onReachable: () => void reattach(),
  });
  delivery.keeper.attached(attachment.current);
  await delivery.downstream.start();
  owned.defer(() => delivery.downstream.close());
  startLeaf({ ...components, upstream }, owned, delivery.secrets);
  delivery.link.dial();
  envoy.start();
  owned.defer(() => envoy.stop());
  startReporter({ ...components, upstream, admin }, owned, delivery.cache);

  const running = owned.move();
  return {
    adminSocket: paths.adminSocket,
    admin,
    get envoyPid() {
      return envoy.pid;
    },
    get server() {
      return delivery.ads.server;
    },
    get hasLeaf() {
      return delivery.secrets.ready;
    },
    live: (liveSignal) => envoy.live(liveSignal),
    close: () => running.disposeAsync(),
  };
}

/** Whoever starts something hands it to the stack: it is stopped in the opposite order, also when a later start fails. */
type Owned = AsyncDisposableStack;
type WithUpstream = GatewayAgentComponents & { readonly upstream: Controllers };

interface DeliveryInit {
  readonly kept: LastConfig | undefined;
  readonly paths: Paths;
  readonly onReachable: () => void;
}

/** What stands between controller and Envoy: the relay, the cache behind it and the socket that Envoy dials. */
function startDelivery(components: WithUpstream, owned: Owned, init: DeliveryInit) {
  const cache: ResourceCache = new ResourceCache({ onChange: () => keeper.changed() }, init.kept?.snapshot);
  const keeper = new ConfigKeeper({ ...components, snapshot: () => cache.snapshot() }, { path: init.paths.lastConfig });
  owned.defer(() => keeper.close());
  const link: ControllerLink = new ControllerLink(
    { ...components, open: (events) => components.upstream.openAds(events) },
    { onAccepted: () => ads.controllerAccepted(), onReachable: init.onReachable },
  );
  owned.defer(() => link.close());
  // What the agent's own servers count is not what the controller's of the same process counts.
  const inner = { ...components, metrics: new Metrics() };
  const local = new GatewayStreams(inner, { untilFirstSnapshot: 'refuse', sameGateway: 'replace' });
  const ads: AdsFront = new AdsFront({ ...components, link, cache, local });
  const secrets = new GatewayStreams(inner, { untilFirstSnapshot: 'hold', sameGateway: 'keep' });
  const downstream = new Downstream({ ...components, ads, secrets }, { socketPath: init.paths.agentSocket });
  return { cache, keeper, link, ads, secrets, downstream };
}

function startLeaf(components: WithUpstream, owned: Owned, secrets: GatewayStreams): void {
  const leaf = new LeafKeeper({
    ...components,
    sign: async (request) => toSignedLeaf(await components.upstream.signLeaf(request)),
    deliver: (own) => secrets.setSnapshot(ownSecretSnapshot(own)),
  });
  leaf.start();
  owned.defer(() => leaf.stop());
}

function startReporter(components: WithUpstream & { admin: AdminClient }, owned: Owned, cache: ResourceCache): void {
  const checked = new CheckedExports({ cache });
  const reporter = new Reporter({
    ...components,
    targets: () => components.upstream.reportTargets,
    open: (target, ended) => components.upstream.openReport(target, ended),
    checked: () => checked.services(),
  });
  reporter.start();
  owned.defer(() => reporter.stop());
}

type Paths = ReturnType<typeof pathsIn>;

function pathsIn(stateDir: string) {
  return {
    agentSocket: join(stateDir, 'agent.sock'),
    adminSocket: join(stateDir, 'envoy.sock'),
    bootstrap: join(stateDir, 'envoy.json'),
    lastConfig: join(stateDir, 'last-config'),
  };
}

async function writeBootstrap(init: GatewayAgentInit, attached: AttachResponse, paths: Paths): Promise<void> {
  const json = bootstrapJson({
    gateway: init.gateway,
    cluster: attached.cluster,
    gatewaySet: attached.gatewaySet,
    network: attached.network,
    region: init.region,
    zone: init.zone,
    agentSocket: paths.agentSocket,
    adminSocket: paths.adminSocket,
    voidToken: new VoidToken(attached.voidToken),
    heapBytes: init.heapBytes,
  });
  const temporary = `${paths.bootstrap}.new`;
  await writeFile(temporary, json, { mode: SECRET_FILE_MODE });
  await rename(temporary, paths.bootstrap);
}

function toSignedLeaf(response: { chainPem: string; notAfterMs: bigint; renewAtMs: bigint }) {
  return {
    chainPem: response.chainPem,
    notAfterMs: Number(response.notAfterMs),
    renewAtMs: Number(response.renewAtMs),
  };
}
