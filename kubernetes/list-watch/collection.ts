/** The requests of one collection: a page, the newest version, a watch. No state, no retries. */
import type { KubeObject } from '../api/objects.ts';
import { pathOf, type Resource } from '../api/resources.ts';
import type { KubeTransport } from '../api/transport.ts';
import { readPage } from './answers.ts';
import type { Action, Input } from './states.ts';

export interface CollectionOf {
  readonly resource: Resource;
  /** Absent: all namespaces. */
  readonly namespace?: string | undefined;
  /** e.g. `app=web,tier!=db` */
  readonly labelSelector?: string | undefined;
  /** e.g. `metadata.name=isthmus-keys` */
  readonly fieldSelector?: string | undefined;
}

export class Collection {
  readonly #transport: KubeTransport;
  readonly #path: string;
  readonly #selectors: Readonly<Record<string, string>>;

  constructor(components: { readonly transport: KubeTransport }, of: CollectionOf) {
    this.#transport = components.transport;
    this.#path = pathOf(of.resource, { namespace: of.namespace });
    this.#selectors = {
      ...(of.labelSelector === undefined ? {} : { labelSelector: of.labelSelector }),
      ...(of.fieldSelector === undefined ? {} : { fieldSelector: of.fieldSelector }),
    };
  }

  /**
   * Without a resourceVersion: the newest there is (a quorum read, or a cache that has caught up), never what one API
   * server out of several still remembers. @throws KubeApiError, KubeUnreachableError, MalformedAnswer
   */
  async page(
    { limit, continueToken }: Omit<Action & { type: 'list' }, 'type'>,
    signal: AbortSignal,
  ): Promise<Input<KubeObject> & { type: 'page' }> {
    const query = {
      ...this.#selectors,
      ...(limit === 0 ? {} : { limit: String(limit) }),
      ...(continueToken === undefined ? {} : { continue: continueToken }),
    };
    return readPage(await this.#transport.call({ method: 'GET', path: this.#path, query, signal }));
  }

  /** The version of the newest state, at the price of one object. @throws as `page` */
  async newestVersion(signal: AbortSignal): Promise<string> {
    const { version } = await this.page({ limit: 1, continueToken: undefined }, signal);
    return version;
  }

  lines(
    { version, seconds }: Omit<Action & { type: 'watch' }, 'type'>,
    stream: { readonly signal: AbortSignal; readonly onOpen: () => void },
  ): AsyncIterable<string> {
    const query = {
      ...this.#selectors,
      watch: 'true',
      allowWatchBookmarks: 'true',
      resourceVersion: version,
      timeoutSeconds: String(seconds),
    };
    return this.#transport.lines({ method: 'GET', path: this.#path, query, ...stream });
  }
}
