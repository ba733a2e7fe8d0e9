import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { AttachResponse } from '../../protos/gen/isthmus/agent/v1/agent_pb.ts';
import { Backoff } from '../../runtime/backoff.ts';
import type { Clock } from '../../runtime/clock.ts';
import { errorText } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import type { Metrics } from '../../runtime/metrics.ts';
import type { Random } from '../../runtime/random.ts';
import { VoidToken } from '../ir.ts';
import { GatewayStreams } from '../xds/gateway-streams.ts';
import { AdminClient } from './admin-client.ts';
import { AdsFront } from './ads-front.ts';
import { bootstrapJson } from './bootstrap.ts';
import { CheckedExports } from './checked-exports.ts';
import { ConfigKeeper } from './config-keeper.ts';
import { ControllerLink, RECONNECT_BACK_OFF } from './controller-link.ts';
import { Downstream } from './downstream.ts';
import { EnvoyProcess, type EnvoyProcessInit } from './envoy-process.ts';
import { type LastConfig, loadLastConfig } from './last-config.ts';
import { LeafKeeper } from './leaf-keeper.ts';
import { ownSecretSnapshot } from './own-secret.ts';
import { Reporter } from './reporter.ts';
import { ResourceCache } from './resource-cache.ts';
import { Upstream } from './upstream.ts';

/** The process beside each Envoy, composed: see the files that it names. */
export interface GatewayAgentInit {
  readonly controllerSocket: string;
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
  /** Resolves when Envoy is live; rejects when the agent is closed or the signal aborts. */
  live(signal?: AbortSignal): Promise<void>;
  /** Stops Envoy and the agent; the last configuration stays on disk. */
  close(): Promise<void>;
}

const SECRET_FILE_MODE = 0o600;

/**
 * Resolves when Envoy has been started: at once when the controller answers or a last configuration is on disk, else
 * when the controller first answers. `signal` ends that wait.
 */
export async function runGatewayAgent(
  init: GatewayAgentInit,
  components: GatewayAgentComponents,
  signal?: AbortSignal,
): Promise<GatewayAgent> {
  const { clock, log } = components;
  await mkdir(init.stateDir, { recursive: true, mode: 0o700 });
  const paths = pathsIn(init.stateDir);
  await using started = new AsyncDisposableStack();

  const upstream = new Upstream({ clock }, { socketPath: init.controllerSocket, gateway: init.gateway });
  started.defer(() => upstream.close());
  const kept = await loadLastConfig(paths.lastConfig, log);
  const attached = await attach(upstream, kept, components, signal);

  const cache: ResourceCache = new ResourceCache({ onChange: () => keeper.changed() }, kept?.snapshot);
  const keeper = new ConfigKeeper({ ...components, snapshot: () => cache.snapshot() }, { path: paths.lastConfig });
  started.defer(() => keeper.close());
  keeper.attached(attached);

  const link: ControllerLink = new ControllerLink(
    { ...components, open: (events) => upstream.openAds(events) },
    { onAccepted: () => ads.controllerAccepted() },
  );
  started.defer(() => link.close());
  const local = new GatewayStreams(components, { untilFirstSnapshot: 'refuse', sameGateway: 'replace' });
  const ads: AdsFront = new AdsFront({ clock, log, link, cache, local });
  link.dial();
  const secrets = new GatewayStreams(components, { untilFirstSnapshot: 'hold', sameGateway: 'keep' });
  const downstream = new Downstream({ clock, ads, secrets }, { socketPath: paths.agentSocket });
  await downstream.start();
  started.defer(() => downstream.close());

  const leaf = new LeafKeeper({
    ...components,
    sign: async (request) => toSignedLeaf(await upstream.signLeaf(request)),
    deliver: (own) => secrets.setSnapshot(ownSecretSnapshot(own)),
  });
  leaf.start();
  started.defer(() => leaf.stop());

  await writeBootstrap(init, attached, paths);
  const admin = new AdminClient({ socketPath: paths.adminSocket });
  const envoy = new EnvoyProcess(
    { ...components, admin },
    { ...init.envoy, bootstrapPath: paths.bootstrap, adminSocket: paths.adminSocket },
  );
  envoy.start();
  started.defer(() => envoy.stop());

  const checked = new CheckedExports({ cache });
  const reporter = new Reporter({
    ...components,
    admin,
    open: (ended) => upstream.openReport(ended),
    checked: () => checked.services(),
  });
  reporter.start();
  started.defer(() => reporter.stop());

  const running = started.move();
  return {
    adminSocket: paths.adminSocket,
    admin,
    get envoyPid() {
      return envoy.pid;
    },
    get server() {
      return ads.server;
    },
    live: (liveSignal) => envoy.live(liveSignal),
    close: () => running.disposeAsync(),
  };
}

/**
 * Who am I: from the controller, or from the last time. Without either there is nothing to start Envoy with, so it is
 * asked until it answers.
 */
async function attach(
  upstream: Upstream,
  kept: LastConfig | undefined,
  components: GatewayAgentComponents,
  signal: AbortSignal | undefined,
): Promise<AttachResponse> {
  const { clock, log, random } = components;
  const instance = String(clock.epochMs());
  const backoff = new Backoff({ random }, RECONNECT_BACK_OFF);
  for (;;) {
    try {
      return await upstream.attach(instance);
    } catch (error) {
      const reason = errorText(error);
      if (kept !== undefined) {
        log.warn('controller is away: starting with the kept configuration', { reason });
        return kept.attached;
      }
      if (backoff.failures === 0) log.warn('controller is away and nothing is kept: waiting for it', { reason });
    }
    await clock.sleep(backoff.nextMs(), signal);
  }
}

function pathsIn(stateDir: string) {
  return {
    agentSocket: join(stateDir, 'agent.sock'),
    adminSocket: join(stateDir, 'envoy.sock'),
    bootstrap: join(stateDir, 'envoy.json'),
    lastConfig: join(stateDir, 'last-config'),
  };
}

async function writeBootstrap(
  init: GatewayAgentInit,
  attached: AttachResponse,
  paths: ReturnType<typeof pathsIn>,
): Promise<void> {
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
