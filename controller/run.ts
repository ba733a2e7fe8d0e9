import { lookup as dnsLookup } from 'node:dns/promises';
import { openStore } from '../federation/store/open.ts';
import { linkOfServedStore, servedDatabase, type ServedStore, serveStore } from '../federation/store/serve.ts';
import type { Clock } from '../runtime/clock.ts';
import { errorText, IsthmusError } from '../runtime/errors.ts';
import type { Logger } from '../runtime/log.ts';
import { Metrics } from '../runtime/metrics.ts';
import type { Random } from '../runtime/random.ts';
import { preparePrivateFolder } from '../trust/private-file.ts';
import { untilAborted } from '../runtime/until-aborted.ts';
import { AdminServer } from './admin/server.ts';
import { adminRoutes } from './admin/routes.ts';
import { adminParts } from './admin-parts.ts';
import { claimStores } from './claim-stores.ts';
import type { SiteConfig } from './config/site.ts';
import { Controller } from './controller.ts';
import {
  closedJoinOffice,
  type JoinOffice,
  type JoinOfficeInit,
  NO_JOIN_OFFICE,
  openJoinOffice,
} from './join-office.ts';
import { leaveRoute } from './leave-route.ts';
import { linkForTokens as linkOfCluster, replicaName, startKubernetes, startWriting } from './kubernetes/run.ts';
import { LeaderOffice } from './leadership/leader-office.ts';
import { StandbyStoreServer } from './leadership/standby-store-server.ts';
import { stateFolder } from './state-folder.ts';
import { PREDECESSOR_WAIT_MS, StateLock } from './state-lock.ts';
import { gatewayTokenRoute } from './gateway-token-route.ts';
import { softwareVersion } from './version.ts';

/** The controller as a process: the controller itself, its admin server, and on the authority the store server and the join desk. */
export interface RunComponents {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

export async function runController(given: SiteConfig, components: RunComponents, signal: AbortSignal): Promise<void> {
  const { log, clock } = components;
  const metrics = new Metrics();
  metrics.gauge('isthmus_build_info', 'The version that runs', ['version']).set(1, { version: softwareVersion() });
  const left = new AbortController();
  await using running = new AsyncDisposableStack();
  running.use(await takeFolder(given, components));
  const kubernetes =
    given.kubernetes === undefined
      ? undefined
      : running.use(await startKubernetes(given, { ...components, metrics }, signal));
  const config = kubernetes?.config ?? given;
  const served = kubernetes === undefined ? await serveOwnStore(config, { ...components, metrics }) : undefined;
  if (served !== undefined) running.defer(() => served.close());
  const controller = await Controller.start(config, {
    ...components,
    metrics,
    lookup,
    kubernetes: kubernetes?.part,
    openStore: (url, signing) =>
      openStore(url, {
        ...components,
        metrics,
        clusterset: config.clusterset,
        identity: { kind: 'member', cluster: config.cluster, svid: () => signing.current },
      }),
  });
  running.defer(() => controller.close());
  const onLeft = (): void => left.abort(new IsthmusError('left', 'this cluster has left its clusterset'));
  const writing =
    kubernetes === undefined
      ? undefined
      : running.use(await startWriting(kubernetes, { ...components, metrics, controller, onLeft }));
  if (config.authority) running.use(claiming({ ...components, metrics, controller }));
  const office = config.authority
    ? await authorityOffice(
        { ...components, controller },
        {
          storeUrl: kubernetes === undefined ? linkForTokens(config, served?.link) : () => linkOfCluster(kubernetes),
          joinStore: config.joinStore,
          memory: kubernetes?.part.keep.memory,
        },
      )
    : undefined;
  if (office !== undefined) running.defer(() => office.close());
  const admin = new AdminServer(components, {
    routes: {
      ...adminRoutes(
        adminParts(
          { clock, metrics, controller },
          { furtherChecks: office?.checks ?? [], furtherFindings: () => writing?.writer.findings ?? [] },
        ),
      ),
      ...(office?.routes ?? NO_JOIN_OFFICE),
      ...leaveRoute(controller),
      ...gatewayTokenRoute(controller),
    },
    socketPath: controller.folder.adminSocket,
    health: config.listen.health,
    metrics: config.listen.metrics,
  });
  await admin.start();
  running.defer(() => admin.close());
  log.info('controller serves', { version: softwareVersion(), stateDir: config.stateDir });
  await untilAborted(AbortSignal.any([signal, left.signal]));
  log.info('controller stops; gateways and other clusters keep what they have');
}

/** The folder is one controller's, or its replicas': then each has one of its own in it. */
async function takeFolder(config: SiteConfig, { clock }: RunComponents): Promise<AsyncDisposable> {
  await using taken = new AsyncDisposableStack();
  const replica = config.kubernetes === undefined ? config.replica : replicaName(config);
  const { root, own } = stateFolder(config.stateDir, replica);
  await preparePrivateFolder(root);
  const isAlone = replica === undefined;
  const how = isAlone ? 'alone' : 'shared';
  taken.use(await StateLock.take({ clock }, { folder: root, waitMs: PREDECESSOR_WAIT_MS, how }));
  if (!isAlone) {
    await preparePrivateFolder(own);
    taken.use(await StateLock.take({ clock }, { folder: own, waitMs: PREDECESSOR_WAIT_MS }));
  }
  return taken.move();
}

async function authorityOffice(
  components: RunComponents & { controller: Controller },
  init: JoinOfficeInit,
): Promise<JoinOffice> {
  const { role, folder, config } = components.controller;
  if (config.replica === undefined) return openOffice(components, init);
  const open = (): Promise<JoinOffice> => openJoinOffice(components, init);
  return new LeaderOffice({ ...components, role }, { journal: folder.journal, open });
}

/** A server that is run on and not listed any more, after a move, is no place to join at. */
function linkForTokens({ store, stateDir }: SiteConfig, served: string | undefined): string {
  const isListed = store.includes(`embedded:${servedDatabase(stateDir)}`);
  return served !== undefined && isListed ? served : (store[0] ?? '');
}

/** Store servers of the list that nobody has claimed yet. */
function claiming(components: RunComponents & { metrics: Metrics; controller: Controller }): AsyncDisposable {
  const { config, trust, roster } = components.controller;
  const stop = new AbortController();
  const [root = new Uint8Array()] = trust.roots;
  const { cluster, store: urls } = config;
  const done = claimStores(components, { urls, cluster, root, roster: () => roster.current, signal: stop.signal });
  return {
    [Symbol.asyncDispose]: async () => {
      stop.abort(new IsthmusError('closed', 'the controller stops'));
      await done;
    },
  };
}

/** A damaged journal ends the admission of clusters, not the service of those that are there. */
async function openOffice(
  components: RunComponents & { controller: Controller },
  init: JoinOfficeInit,
): Promise<JoinOffice> {
  try {
    return await openJoinOffice(components, init);
  } catch (error) {
    components.log.error('this authority cannot admit clusters', { error: errorText(error) });
    return closedJoinOffice(errorText(error));
  }
}

async function serveOwnStore(
  config: SiteConfig,
  components: RunComponents & { metrics: Metrics },
): Promise<Pick<ServedStore, 'link' | 'close'> | undefined> {
  const { store: listen } = config.listen;
  if (listen === undefined) return undefined;
  const [gateway] = config.gateways;
  const address = { address: listen.host, port: listen.port };
  const host = gateway?.address ?? listen.host;
  const init = { stateDir: config.stateDir, listen: address, advertise: { host } };
  if (config.replica === undefined) return serveStore(init, components);
  const server = new StandbyStoreServer(components, { ...address, serve: () => serveStore(init, components) });
  return { link: await linkOfServedStore(init, components), close: () => server.close() };
}

async function lookup(host: string): Promise<readonly string[]> {
  return (await dnsLookup(host, { all: true })).map(({ address }) => address);
}
