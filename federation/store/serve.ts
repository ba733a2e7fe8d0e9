import { join } from 'node:path';
import { errorText } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import type { StoreComponents } from './components.ts';
import type { Store } from './contract.ts';
import { EmbeddedStore } from './embedded.ts';
import { DEFAULT_STORE_PORT, formatStoreAddress } from './remote/address.ts';
import { Gate } from './remote/gate.ts';
import { streamHandlers, unaryHandlers } from './remote/handlers.ts';
import { Login } from './remote/login.ts';
import { Membership } from './remote/membership.ts';
import { Nonces } from './remote/nonces.ts';
import { StoreServer } from './remote/server.ts';
import { loadServerIdentity } from './remote/server-identity.ts';
import { Sessions } from './remote/sessions.ts';

export interface ServeStoreInit {
  /** Keeps the server's key, claim and database in `store-server/`. */
  readonly stateDir: string;
  /** Port 0: one that is free. */
  readonly listen: { readonly address: string; readonly port: number };
  /** The host name or address under which clients reach the server, and the port where it differs. Default: as listened. */
  readonly advertise?: { readonly host: string; readonly port?: number | undefined } | undefined;
}

export interface ServedStore {
  /** What clients use; with the claim secret until the server has been claimed. */
  readonly link: string;
  readonly port: number;
  /** For processes of this machine, past the server: `embedded:PATH`. */
  readonly localUrl: string;
  close(): Promise<void>;
}

const FOLDER = 'store-server';
const DATABASE = 'store.db';

export { DEFAULT_STORE_PORT };

/** Where the store server of a state folder keeps its database. */
export function servedDatabase(stateDir: string): string {
  return join(stateDir, FOLDER, DATABASE);
}

/** Runs a store server (`isthmus store serve`) on an embedded store of its own. */
export async function serveStore(init: ServeStoreInit, components: StoreComponents): Promise<ServedStore> {
  const folder = join(init.stateDir, FOLDER);
  const identity = await loadServerIdentity(components, { folder });
  const path = servedDatabase(init.stateDir);
  await using owned = new AsyncDisposableStack();
  const store = owned.use(await EmbeddedStore.open(components, { path }));
  const membership = await Membership.load({ store, log: components.log }, { folder });
  const parts = {
    ...components,
    store,
    membership,
    sessions: new Sessions(components),
    nonces: new Nonces(components),
  };
  const login = new Login(parts, { serverPin: identity.pin, claimSecret: identity.claimSecret });
  const gate = new Gate({ ...parts, login });
  const server = new StoreServer(components, {
    identity,
    gate,
    unary: unaryHandlers(parts),
    streams: streamHandlers(parts),
  });
  const following = new AbortController();
  const followed = followRoster(parts, following.signal);
  owned.defer(async () => {
    following.abort();
    await followed;
  });
  owned.defer(() => server.close());
  const port = await server.listen(init.listen);
  components.log.info('store server listens', { address: init.listen.address, port, pin: identity.pin });
  const host = init.advertise?.host ?? init.listen.address;
  const claim = membership.isClaimed ? {} : { claim: identity.claimSecret };
  const link = formatStoreAddress({ host, port: init.advertise?.port ?? port, pins: [identity.pin], ...claim });
  const running = owned.move();
  return { link, port, localUrl: `embedded:${path}`, close: () => running.disposeAsync() };
}

/** What clients use of a store that another process of this site serves: it has been claimed. */
export async function linkOfServedStore(init: ServeStoreInit, components: StoreComponents): Promise<string> {
  const { stateDir, listen, advertise } = init;
  const { pin } = await loadServerIdentity(components, { folder: join(stateDir, FOLDER) });
  const { host = listen.address, port = listen.port } = advertise ?? {};
  return formatStoreAddress({ host, port, pins: [pin] });
}

/** The authority may write the roster past this server, straight into the file. */
async function followRoster(
  { store, membership, log }: { store: Store; membership: Membership; log: Logger },
  signal: AbortSignal,
): Promise<void> {
  for await (const hint of store.watch(signal)) {
    if (hint.kind !== 'roster' && hint.kind !== 'gap') continue;
    await membership.refresh().catch((error: unknown) => {
      log.warn('cannot read the roster from the store', { error: errorText(error) });
    });
  }
}
