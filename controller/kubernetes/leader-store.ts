import { isIPv6 } from 'node:net';
import { formatStoreAddress } from '../../federation/store/remote/address.ts';
import { loadServerIdentity, SERVER_KEY } from '../../federation/store/remote/server-identity.ts';
import { type ServedStore, serveStore } from '../../federation/store/serve.ts';
import type { EndpointSliceObject } from '../../kubernetes/api/objects.ts';
import { ENDPOINT_SLICES, pathOf } from '../../kubernetes/api/resources.ts';
import { SecretKeyStore } from '../../kubernetes/keep/secret-key-store.ts';
import {
  FIELD_MANAGER,
  MANAGED_BY,
  MANAGED_BY_LABEL,
  OWN_NAMES,
  SERVICE_NAME_LABEL,
  SLICE_MANAGED_BY,
  SLICE_MANAGED_BY_LABEL,
} from '../../kubernetes/names.ts';
import { Backoff } from '../../runtime/backoff.ts';
import { errorText, IsthmusError } from '../../runtime/errors.ts';
import { FileKeyStore } from '../../trust/key-store.ts';
import { PrivateKey } from '../../trust/private-key.ts';
import { preparePrivateFolder } from '../../trust/private-file.ts';
import { claimStores } from '../claim-stores.ts';
import type { SiteConfig } from '../config/site.ts';
import type { Controller } from '../controller.ts';
import { ownObjects } from '../keep/own-objects.ts';
import { stateFolder } from '../state-folder.ts';
import type { KubernetesPart, OpenKubernetesComponents } from './part.ts';

/**
 * The store of a clusterset in the authority's cluster, for those who have no Redis or Valkey. The replica that leads serves
 * it from the disk of its pod and puts its own address behind the Service; all replicas show one key. What a new leader has
 * on its disk may be nothing, or old: writers put back what is theirs, and the authority its roster.
 */
export const STORE_PORT = 15_090;

/** Makes the key that all replicas show, and gives the address under which the replicas themselves find the store. */
export async function prepareLeaderStore(
  part: KubernetesPart,
  config: SiteConfig,
  components: OpenKubernetesComponents,
): Promise<string> {
  const { namespace } = part.config;
  const folder = stateFolder(config.stateDir).storeServer;
  await preparePrivateFolder(folder);
  const onDisk = new FileKeyStore(folder);
  // A container that is restarted has it, and the API server may be dark.
  if ((await onDisk.load(SERVER_KEY)) === undefined) {
    const kept = new SecretKeyStore({ secret: ownObjects(part, namespace).keys });
    await onDisk.save(SERVER_KEY, await kept.loadOrSave(SERVER_KEY, () => PrivateKey.generate()));
  }
  const { pin } = await loadServerIdentity(components, { folder });
  return formatStoreAddress({ host: `${OWN_NAMES.store}.${namespace}.svc`, port: STORE_PORT, pins: [pin] });
}

export interface LeaderStoreInit {
  readonly stateDir: string;
  readonly listen: { readonly host: string; readonly port: number };
  /** Of this pod. */
  readonly address: string;
}

const TRY_AGAIN = { initialMs: 200, maxMs: 5_000 };

export class LeaderStore implements AsyncDisposable {
  readonly #components: OpenKubernetesComponents & { readonly part: KubernetesPart; readonly controller: Controller };
  readonly #init: LeaderStoreInit;
  #term = new AbortController();
  #turn: Promise<void> = Promise.resolve();
  #isClosed = false;

  constructor(
    components: OpenKubernetesComponents & { readonly part: KubernetesPart; readonly controller: Controller },
    init: LeaderStoreInit,
  ) {
    this.#components = components;
    this.#init = init;
    components.controller.role.onLeading((isLeader) => this.#lead(isLeader));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    this.#term.abort(new IsthmusError('closed', 'the controller stops'));
    await this.#turn;
  }

  #lead(isLeader: boolean): void {
    this.#term.abort(new IsthmusError('not-leader', 'this replica does not lead any more'));
    if (!isLeader || this.#isClosed) return;
    this.#term = new AbortController();
    const { signal } = this.#term;
    this.#turn = this.#turn.then(() => this.#serve(signal));
  }

  /** For one term. Never rejects. */
  async #serve(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#components;
    const backoff = new Backoff(this.#components, TRY_AGAIN);
    while (!signal.aborted) {
      try {
        await this.#serveOnce(signal);
        return;
      } catch (error) {
        if (signal.aborted) return;
        log.warn('the store cannot be served yet, will try again', { error: errorText(error) });
      }
      await clock.sleep(backoff.nextMs(), signal).catch(() => undefined); // only the end of the term aborts it
    }
  }

  async #serveOnce(signal: AbortSignal): Promise<void> {
    const { listen, stateDir } = this.#init;
    const served = await serveStore(
      { stateDir, listen: { address: listen.host, port: listen.port }, advertise: { host: ownHost(listen.host) } },
      this.#components,
    );
    try {
      await this.#claim(served, signal);
      await this.#publishAddress(served.port);
      await new Promise<void>((resolve) => {
        if (signal.aborted) resolve();
        else signal.addEventListener('abort', () => resolve(), { once: true });
      });
    } finally {
      await served.close();
    }
  }

  /** A fresh disk belongs to nobody: it is claimed as a store of another host would be. */
  async #claim({ link }: ServedStore, signal: AbortSignal): Promise<void> {
    const { config, trust, roster } = this.#components.controller;
    const [root = new Uint8Array()] = trust.roots;
    const init = { urls: [link], cluster: config.cluster, root, roster: () => roster.current, signal };
    await claimStores(this.#components, init);
  }

  async #publishAddress(port: number): Promise<void> {
    const { part } = this.#components;
    const { address } = this.#init;
    const { namespace } = part.config;
    const slice: EndpointSliceObject = {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: {
        name: OWN_NAMES.store,
        namespace,
        labels: {
          [MANAGED_BY_LABEL]: MANAGED_BY,
          [SLICE_MANAGED_BY_LABEL]: SLICE_MANAGED_BY,
          [SERVICE_NAME_LABEL]: OWN_NAMES.store,
        },
      },
      addressType: isIPv6(address) ? 'IPv6' : 'IPv4',
      endpoints: [{ addresses: [address], conditions: { ready: true } }],
      ports: [{ name: 'store', protocol: 'TCP', port }],
    };
    await part.transport.call({
      method: 'PATCH',
      path: pathOf(ENDPOINT_SLICES, { namespace, name: OWN_NAMES.store }),
      query: { fieldManager: FIELD_MANAGER, force: 'true' },
      contentType: 'application/apply-patch+yaml',
      body: slice,
    });
  }
}

/** Where this process itself reaches what it listens on. */
function ownHost(listen: string): string {
  if (listen === '0.0.0.0') return '127.0.0.1';
  return listen === '::' ? '::1' : listen;
}
