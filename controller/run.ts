import { lookup as dnsLookup } from 'node:dns/promises';
import { openStore } from '../federation/store/open.ts';
import { type ServedStore, serveStore } from '../federation/store/serve.ts';
import type { Clock } from '../runtime/clock.ts';
import { errorText } from '../runtime/errors.ts';
import type { Logger } from '../runtime/log.ts';
import { Metrics } from '../runtime/metrics.ts';
import type { Random } from '../runtime/random.ts';
import { preparePrivateFolder } from '../trust/private-file.ts';
import { untilAborted } from '../runtime/until-aborted.ts';
import { AdminServer } from './admin/server.ts';
import { adminRoutes } from './admin/routes.ts';
import { adminParts } from './admin-parts.ts';
import type { SiteConfig } from './config/site.ts';
import { Controller } from './controller.ts';
import { closedJoinOffice, type JoinOffice, openJoinOffice } from './join-office.ts';
import { stateFolder } from './state-folder.ts';
import { PREDECESSOR_WAIT_MS, StateLock } from './state-lock.ts';
import { softwareVersion } from './version.ts';

/** The controller as a process: the controller itself, its admin server, and on the authority the store server and the join desk. */
export interface RunComponents {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

export async function runController(config: SiteConfig, components: RunComponents, signal: AbortSignal): Promise<void> {
  const { log, clock } = components;
  const metrics = new Metrics();
  metrics.gauge('isthmus_build_info', 'The version that runs', ['version']).set(1, { version: softwareVersion() });
  await using running = new AsyncDisposableStack();
  const { root } = stateFolder(config.stateDir);
  await preparePrivateFolder(root);
  running.use(await StateLock.take(components, { folder: root, waitMs: PREDECESSOR_WAIT_MS }));
  const served = await serveOwnStore(config, { ...components, metrics });
  if (served !== undefined) running.defer(() => served.close());
  const controller = await Controller.start(config, {
    ...components,
    metrics,
    lookup,
    openStore: (url, signing) =>
      openStore(url, {
        ...components,
        metrics,
        identity: { kind: 'member', cluster: config.cluster, svid: () => signing.current },
      }),
  });
  running.defer(() => controller.close());
  const office = config.authority
    ? await openOffice({ ...components, controller }, served?.link ?? publicStoreUrl(config))
    : undefined;
  if (office !== undefined) running.defer(() => office.close());
  const admin = new AdminServer(components, {
    routes: {
      ...adminRoutes(adminParts({ clock, metrics, controller }, { furtherChecks: office?.checks ?? [] })),
      ...office?.routes,
    },
    socketPath: controller.folder.adminSocket,
    health: config.listen.health,
    metrics: config.listen.metrics,
  });
  await admin.start();
  running.defer(() => admin.close());
  log.info('controller serves', { cluster: config.cluster, version: softwareVersion(), stateDir: config.stateDir });
  await untilAborted(signal);
  log.info('controller stops; gateways and other clusters keep what they have');
}

/** A damaged journal ends the admission of clusters, not the service of those that are there. */
async function openOffice(
  components: RunComponents & { controller: Controller },
  storeUrl: string,
): Promise<JoinOffice> {
  try {
    return await openJoinOffice(components, { storeUrl });
  } catch (error) {
    components.log.error('this authority cannot admit clusters', { error: errorText(error) });
    return closedJoinOffice(errorText(error));
  }
}

async function serveOwnStore(
  config: SiteConfig,
  components: RunComponents & { metrics: Metrics },
): Promise<ServedStore | undefined> {
  const { store: listen } = config.listen;
  if (listen === undefined) return undefined;
  const [gateway] = config.gateways;
  const host = gateway?.address ?? listen.host;
  return serveStore(
    { stateDir: config.stateDir, listen: { address: listen.host, port: listen.port }, advertise: { host } },
    components,
  );
}

/** What joiners are told when the store is not ours to serve. */
function publicStoreUrl(config: SiteConfig): string {
  return config.store[0] ?? '';
}

async function lookup(host: string): Promise<readonly string[]> {
  return (await dnsLookup(host, { all: true })).map(({ address }) => address);
}
