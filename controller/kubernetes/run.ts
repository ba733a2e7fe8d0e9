import { hostname, networkInterfaces } from 'node:os';
import { formatStoreAddress, parseStoreAddress } from '../../federation/store/remote/address.ts';
import { isDnsLabel } from '../../federation/model/ids.ts';
import type { Metrics } from '../../runtime/metrics.ts';
import { IsthmusError } from '../../runtime/errors.ts';
import { AdminServer } from '../admin/server.ts';
import { healthAnswer } from '../admin/routes.ts';
import { parseListenAddress } from '../config/site-fields.ts';
import type { SiteConfig } from '../config/site.ts';
import type { Controller } from '../controller.ts';
import type { RunComponents } from '../run.ts';
import type { KeepState } from '../keep/waiting.ts';
import { ClusterWriter } from './cluster-writer.ts';
import { DepartureDesk } from './departure-desk.ts';
import { LeaderStore, prepareLeaderStore, STORE_PORT } from './leader-store.ts';
import { type KubernetesPart, openKubernetes } from './part.ts';
import { storeAddress } from './store-address.ts';

/** What `run.ts` does besides, when the site is a Kubernetes cluster. */
export interface KubernetesRun {
  readonly part: KubernetesPart;
  /** With what only the cluster could tell: its replica, its stores. */
  readonly config: SiteConfig;
}

export class NoStoreError extends IsthmusError {
  constructor() {
    super('usage', 'this cluster has no store: neither its Site nor its join token names one that it may use', {
      hint: 'set spec.store (`store` of the chart) to the address with the login of this cluster',
    });
  }
}

/** In a pod the host name is the pod's. */
export function replicaName(config: SiteConfig): string {
  const name = config.replica ?? hostname();
  return isDnsLabel(name) ? name : 'controller';
}

export async function startKubernetes(
  config: SiteConfig,
  components: RunComponents & { readonly metrics: Metrics },
  signal: AbortSignal,
): Promise<KubernetesRun & AsyncDisposable> {
  const { kubernetes } = config;
  if (kubernetes === undefined) throw new IsthmusError('unreachable', 'the site is no Kubernetes cluster');
  const replica = replicaName(config);
  let state: KeepState = { kind: 'waiting', reason: 'Starting', message: 'starting' };
  await using door = await waitingDoor(config, components, () => state);
  const onState = (now: KeepState): void => {
    state = now;
  };
  await using opened = new AsyncDisposableStack();
  const part = opened.use(await openKubernetes(config, components, { kubernetes, replica, signal, onState }));
  const store = await storesOf(config, part, components);
  const running = opened.move();
  await door.close();
  return { part, config: { ...config, replica, store }, [Symbol.asyncDispose]: () => running.disposeAsync() };
}

/** A served store is reached by all replicas alike, through its Service. */
async function storesOf(
  config: SiteConfig,
  part: KubernetesPart,
  components: RunComponents & { readonly metrics: Metrics },
): Promise<readonly string[]> {
  if (config.listen.store !== undefined) {
    const served = await prepareLeaderStore(part, config, components);
    return [served, ...config.store.filter((url) => !url.startsWith('embedded:'))];
  }
  if (config.store.length > 0) return config.store;
  if (part.keep.store === undefined) throw new NoStoreError();
  return [part.keep.store];
}

/** Answers probes while the pod waits for an identity: it lives, and is not ready. */
async function waitingDoor(
  config: SiteConfig,
  components: RunComponents,
  state: () => KeepState,
): Promise<AdminServer & AsyncDisposable> {
  const readiness = () => {
    const now = state();
    return [
      { name: 'identity', ok: false, message: now.kind === 'waiting' ? `${now.reason}: ${now.message}` : 'starting' },
    ];
  };
  const server = new AdminServer(components, {
    routes: {
      '/healthz': { surfaces: ['health'], answer: () => healthAnswer([{ name: 'process', ok: true }]) },
      '/readyz': { surfaces: ['health'], answer: () => healthAnswer(readiness()) },
    },
    health: config.listen.health,
  });
  await server.start();
  return Object.assign(server, { [Symbol.asyncDispose]: () => server.close() });
}

/** What the controller writes into its cluster, and the store that it may serve there. */
export async function startWriting(
  { part, config }: KubernetesRun,
  components: RunComponents & {
    readonly metrics: Metrics;
    readonly controller: Controller;
    readonly onLeft: () => void;
  },
): Promise<AsyncDisposable & { readonly writer: ClusterWriter }> {
  await using started = new AsyncDisposableStack();
  const { store: listen } = config.listen;
  if (listen !== undefined) {
    const init = { stateDir: config.stateDir, listen, address: podAddress(process.env) };
    started.use(new LeaderStore({ ...components, part }, init));
  }
  const writer = started.use(new ClusterWriter({ ...components, part }));
  await writer.start();
  const { transport, keep } = part;
  const departure = new DepartureDesk(
    { ...components, transport, keep, untilCleared: () => writer.untilCleared() },
    { namespace: part.config.namespace },
  );
  started.use(departure);
  departure.start();
  const running = started.move();
  return { writer, [Symbol.asyncDispose]: () => running.disposeAsync() };
}

/** The store of this cluster as a join token names it. */
export async function linkForTokens({ part, config }: KubernetesRun): Promise<string> {
  const [own = ''] = config.store;
  if (config.listen.store === undefined) return own;
  const { pins } = parseStoreAddress(own);
  const given = part.config.storeAddress;
  const { host, port } =
    given === undefined
      ? await storeAddress(part.transport, { namespace: part.config.namespace, dev: config.dev })
      : // The schema has taken it.
        (parseListenAddress(given) ?? { host: given, port: STORE_PORT });
  return formatStoreAddress({ host, port, pins });
}

/** Of the downward API; else the first address of this host, for controllers outside a pod. */
function podAddress(env: Readonly<Record<string, string | undefined>>): string {
  const given = env['POD_IP'];
  if (given !== undefined && given !== '') return given;
  const [first] = Object.values(networkInterfaces()).flatMap((list) => list?.filter(({ internal }) => !internal) ?? []);
  return first?.address ?? '127.0.0.1';
}
