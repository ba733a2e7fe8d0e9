/**
 * A client of our own for tests, over `node:https` and nothing else: what a test puts into a server or reads from it never
 * goes through the client under test. It is a `KubeTransport` too, for tests of what stands on one.
 */
import { Agent, type RequestOptions, request } from 'node:https';
import type { IncomingMessage } from 'node:http';
import { createInterface } from 'node:readline';
import type { KubeObject } from '../../kubernetes/api/objects.ts';
import { apiVersionOf, pathOf, type Resource } from '../../kubernetes/api/resources.ts';
import {
  KubeApiError,
  type KubeRequest,
  type KubeTransport,
  KubeUnreachableError,
} from '../../kubernetes/api/transport.ts';

export interface Credentials {
  readonly url: string;
  /** PEM. */
  readonly ca: string;
  /** PEM. */
  readonly certificate?: { readonly cert: string; readonly key: string } | undefined;
  readonly token?: string | undefined;
}

/** What the server said, whatever it said. */
export interface RawAnswer {
  readonly status: number;
  /** The parsed JSON, or the text when it is none. */
  readonly body: unknown;
}

export interface Where {
  readonly namespace?: string | undefined;
  readonly name: string;
}

export interface Listed<T> {
  readonly items: readonly T[];
  readonly resourceVersion: string;
}

export type Patch = { readonly type: 'merge' | 'json'; readonly body: unknown };

const TIMEOUT_MS = 15_000;
const APPLY_TYPE = 'application/apply-patch+yaml';
/** Server-side apply as somebody who is not the product. */
const FIELD_MANAGER = 'test';

export class TestClient implements KubeTransport {
  readonly #credentials: Credentials;
  readonly #agent: Agent;

  constructor(credentials: Credentials) {
    this.#credentials = credentials;
    this.#agent = new Agent({ keepAlive: true, ca: credentials.ca, ...credentials.certificate });
  }

  /** The same server as somebody else, known by a bearer token. */
  withToken(token: string): TestClient {
    return new TestClient({ url: this.#credentials.url, ca: this.#credentials.ca, token });
  }

  /** Undefined when there is none. */
  async get<T extends KubeObject>(of: Resource, where: Where): Promise<T | undefined> {
    const answer = await this.raw({ method: 'GET', path: pathOf(of, where) });
    if (answer.status === 404) return undefined;
    return accepted(answer) as T; // the caller names the kind
  }

  async list<T extends KubeObject>(
    of: Resource,
    where: { readonly namespace?: string; readonly labels?: string } = {},
  ): Promise<Listed<T>> {
    const { namespace, labels } = where;
    const query = labels === undefined ? {} : { labelSelector: labels };
    const body = await this.call({ method: 'GET', path: pathOf(of, { namespace }), query });
    // A 200 to a list is a list of that kind (API conventions); the caller names the kind.
    const { items, metadata } = body as { items: readonly T[]; metadata: { resourceVersion: string } };
    return { items, resourceVersion: metadata.resourceVersion };
  }

  /** Its status, which the server takes only in a second request, goes with it. */
  async create<T extends KubeObject>(of: Resource, object: T): Promise<T> {
    const { namespace, name } = object.metadata;
    const body = { apiVersion: apiVersionOf(of), kind: of.kind, ...object };
    const created = (await this.call({ method: 'POST', path: pathOf(of, { namespace }), body })) as T;
    if (!('status' in object)) return created;
    return this.patchStatus(of, { namespace, name }, object.status);
  }

  /** Server-side apply by another field manager than the product's. */
  async apply<T extends KubeObject>(of: Resource, object: T, init: { readonly manager?: string } = {}): Promise<T> {
    const { namespace, name } = object.metadata;
    const answer = await this.call({
      method: 'PATCH',
      path: pathOf(of, { namespace, name }),
      query: { fieldManager: init.manager ?? FIELD_MANAGER, force: 'true' },
      contentType: APPLY_TYPE,
      body: { apiVersion: apiVersionOf(of), kind: of.kind, ...object },
    });
    return answer as T; // the server answers with the object
  }

  async patch<T extends KubeObject>(of: Resource, where: Where & { subresource?: string }, patch: Patch): Promise<T> {
    const contentType = patch.type === 'merge' ? 'application/merge-patch+json' : 'application/json-patch+json';
    const answer = await this.call({ method: 'PATCH', path: pathOf(of, where), contentType, body: patch.body });
    return answer as T; // the server answers with the object
  }

  patchStatus<T extends KubeObject>(of: Resource, where: Where, status: unknown): Promise<T> {
    return this.patch<T>(of, { ...where, subresource: 'status' }, { type: 'merge', body: { status } });
  }

  /** False when there was none. A namespace is only marked: the namespace controller finishes it. */
  async delete(of: Resource, where: Where): Promise<boolean> {
    const body = { propagationPolicy: 'Background' };
    const answer = await this.raw({ method: 'DELETE', path: pathOf(of, where), body });
    if (answer.status === 404) return false;
    accepted(answer);
    return true;
  }

  async call(init: KubeRequest): Promise<unknown> {
    return accepted(await this.raw(init));
  }

  /** @throws KubeUnreachableError only */
  async raw(init: KubeRequest): Promise<RawAnswer> {
    const response = await this.#send(init, init.timeoutMs ?? TIMEOUT_MS);
    try {
      const text = (await response.toArray()).join('');
      return { status: response.statusCode ?? 0, body: parsed(text) };
    } catch (cause) {
      throw new KubeUnreachableError('the answer broke off', { cause });
    }
  }

  async *lines(init: KubeRequest): AsyncGenerator<string> {
    const response = await this.#send(init, undefined);
    if (response.statusCode !== 200) {
      accepted({ status: response.statusCode ?? 0, body: parsed((await response.toArray()).join('')) });
    }
    try {
      yield* createInterface({ input: response, crlfDelay: Number.POSITIVE_INFINITY });
      // readline ends alike for an end and for a reset.
      if (!response.complete) throw new Error('reset');
    } catch (cause) {
      throw new KubeUnreachableError('the stream broke off', { cause });
    } finally {
      response.destroy();
    }
  }

  /** Closes idle connections; the next request opens one. */
  close(): void {
    this.#agent.destroy();
  }

  #send(init: KubeRequest, timeoutMs: number | undefined): Promise<IncomingMessage> {
    const url = new URL(init.path, this.#credentials.url);
    for (const [name, value] of Object.entries(init.query ?? {})) url.searchParams.set(name, value);
    const signals = [init.signal, timeoutMs === undefined ? undefined : AbortSignal.timeout(timeoutMs)];
    const { token } = this.#credentials;
    const body = init.body === undefined ? undefined : Buffer.from(JSON.stringify(init.body));
    const options: RequestOptions = {
      method: init.method,
      agent: this.#agent,
      signal: AbortSignal.any(signals.filter((signal) => signal !== undefined)),
      headers: {
        accept: 'application/json',
        'user-agent': 'isthmus-test',
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined
          ? {}
          : { 'content-type': init.contentType ?? 'application/json', 'content-length': String(body.length) }),
      },
    };
    return new Promise((resolve, reject) => {
      const sent = request(url, options, (response) => resolve(response.setEncoding('utf8')));
      sent.once('error', (cause) => {
        reject(new KubeUnreachableError(`no answer to ${init.method} ${init.path}`, { cause }));
      });
      sent.end(body);
    });
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text; // health and metrics pages are plain
  }
}

function accepted({ status, body }: RawAnswer): unknown {
  if (status >= 200 && status < 300) return body;
  const said = typeof body === 'object' && body !== null ? body : {};
  const reason = 'reason' in said ? String(said.reason) : 'Unknown';
  throw new KubeApiError('message' in said ? String(said.message) : String(body), { status, reason });
}
