import { z } from 'zod';
import { IsthmusError } from '../../runtime/errors.ts';
import { decodeBase64, encodeBase64 } from '../../trust/base64.ts';
import type { KubeObject } from '../api/objects.ts';
import { apiVersionOf, CONFIG_MAPS, pathOf, SECRETS } from '../api/resources.ts';
import { KubeApiError, type KubeTransport } from '../api/transport.ts';
import { FIELD_MANAGER, MANAGED_BY, MANAGED_BY_LABEL } from '../names.ts';

/**
 * A Secret or ConfigMap of the own namespace as a small file cabinet that outlives every pod. Two replicas may write to it at
 * once, so each write names the version that it was built on, and what others keep in it stays as it is. Read by name
 * only: no list, no watch, so that the role needs nothing beyond these objects.
 */
export type KeptData = ReadonlyMap<string, Uint8Array>;

export interface KeptObjectInit {
  readonly kind: 'Secret' | 'ConfigMap';
  readonly namespace: string;
  readonly name: string;
}

/** The limit of the API server on all values together is 1 MiB (core/v1 MaxSecretSize); names and labels want room too. */
export const KEPT_BYTES_MAX = 1_000_000;
/** Each attempt that fails means that another replica wrote just then; there are few of them. */
const ATTEMPTS_MAX = 10;

export class KeptTooLargeError extends IsthmusError {
  constructor(what: string, bytes: number) {
    super('kept-too-large', `${what} would hold ${bytes} octets, more than its limit of ${KEPT_BYTES_MAX}`, {
      fields: { object: what, bytes },
    });
  }
}

export class KeptContendedError extends IsthmusError {
  constructor(what: string) {
    super('kept-contended', `${what} was changed by others at each of ${ATTEMPTS_MAX} attempts`, {
      fields: { object: what },
    });
  }
}

/** Something is there that we did not write. It is never overwritten: it may be the only copy of somebody's key. */
export class ForeignContentError extends IsthmusError {
  /** Never quotes what is there: it may be a secret. */
  constructor(what: string, key: string, problem: string) {
    super('foreign-content', `key ${key} of ${what} ${problem}`, {
      fields: { object: what, key },
      hint: 'restore it from a back-up; delete the object only if this cluster is to begin anew',
    });
  }
}

interface Stored {
  readonly object: KubeObject;
  readonly data: KeptData;
}

const metadata = z.looseObject({ name: z.string(), resourceVersion: z.string() });
const values = z.record(z.string(), z.string()).nullish();
const secretSchema = z.looseObject({ metadata, data: values });
const configMapSchema = z.looseObject({ metadata, data: values });

export class KeptObject {
  readonly #transport: KubeTransport;
  readonly #init: KeptObjectInit;
  /** One after the other within this process: only other processes are a reason to try again. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(components: { readonly transport: KubeTransport }, init: KeptObjectInit) {
    this.#transport = components.transport;
    this.#init = init;
  }

  /** `Secret isthmus-system/isthmus-keys`, for messages. */
  get what(): string {
    const { kind, namespace, name } = this.#init;
    return `${kind} ${namespace}/${name}`;
  }

  /** Undefined when there is no such object. @throws KubeApiError, KubeUnreachableError */
  async read(signal?: AbortSignal): Promise<KeptData | undefined> {
    return (await this.#get(signal))?.data;
  }

  /** False when there is one already: of several that create it at once exactly one does. */
  async create(data: KeptData): Promise<boolean> {
    return await this.#post(data);
  }

  /**
   * Reads, lets `decide` say what should be there, and writes that; again when another process wrote in between.
   * @param decide undefined: leave it. Keys that it does not name are gone, so it starts from what it was given.
   * @returns what is there now
   */
  change(decide: (data: KeptData | undefined) => KeptData | undefined): Promise<KeptData | undefined> {
    const changed = this.#turn.then(() => this.#change(decide));
    this.#turn = changed.catch(() => undefined);
    return changed;
  }

  /** Only as it was read: one that another process wrote anew stays. False then, true when there is none any more. */
  async remove(decide: (data: KeptData) => boolean): Promise<boolean> {
    const stored = await this.#get();
    if (stored === undefined) return true;
    if (!decide(stored.data)) return false;
    const { resourceVersion } = stored.object.metadata;
    const body = { apiVersion: 'v1', kind: 'DeleteOptions', preconditions: { resourceVersion } };
    try {
      await this.#transport.call({ method: 'DELETE', path: this.#path(), body });
      return true;
    } catch (error) {
      if (isReason(error, 'NotFound')) return true;
      if (isReason(error, 'Conflict')) return false;
      throw error;
    }
  }

  async #change(decide: (data: KeptData | undefined) => KeptData | undefined): Promise<KeptData | undefined> {
    for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt += 1) {
      const stored = await this.#get();
      const wanted = decide(stored?.data);
      if (wanted === undefined) return stored?.data;
      const isWritten = await (stored === undefined ? this.#post(wanted) : this.#put(stored, wanted));
      if (isWritten) return wanted;
    }
    throw new KeptContendedError(this.what);
  }

  async #get(signal?: AbortSignal): Promise<Stored | undefined> {
    try {
      return this.#parse(await this.#transport.call({ method: 'GET', path: this.#path(), signal }));
    } catch (error) {
      if (isReason(error, 'NotFound')) return undefined;
      throw error;
    }
  }

  async #post(data: KeptData): Promise<boolean> {
    const { kind, namespace, name } = this.#init;
    const of = kind === 'Secret' ? SECRETS : CONFIG_MAPS;
    const body = {
      apiVersion: apiVersionOf(of),
      kind,
      metadata: { name, namespace, labels: { [MANAGED_BY_LABEL]: MANAGED_BY } },
      ...(kind === 'Secret' ? { type: 'Opaque' } : {}),
      data: this.#encode(data),
    };
    const query = { fieldManager: FIELD_MANAGER };
    return await this.#attempt({ method: 'POST', path: pathOf(of, { namespace }), query, body }, 'AlreadyExists');
  }

  async #put({ object }: Stored, data: KeptData): Promise<boolean> {
    const body = { ...object, data: this.#encode(data) };
    const query = { fieldManager: FIELD_MANAGER };
    const isWritten = await this.#attempt({ method: 'PUT', path: this.#path(), query, body }, 'Conflict');
    return isWritten;
  }

  async #attempt(request: Parameters<KubeTransport['call']>[0], beaten: string): Promise<boolean> {
    try {
      await this.#transport.call(request);
      return true;
    } catch (error) {
      // Deleted between reading and writing: seen at the next attempt.
      const wasDeleted = request.method === 'PUT' && isReason(error, 'NotFound');
      if (isReason(error, beaten) || wasDeleted) return false;
      throw error;
    }
  }

  #encode(data: KeptData): Record<string, string> {
    const bytes = [...data].reduce((sum, [key, value]) => sum + key.length + value.byteLength, 0);
    if (bytes > KEPT_BYTES_MAX) throw new KeptTooLargeError(this.what, bytes);
    const text = this.#init.kind === 'Secret' ? encodeBase64 : utf8;
    return Object.fromEntries([...data].map(([key, value]) => [key, text(value)]));
  }

  #parse(answer: unknown): Stored {
    const isSecret = this.#init.kind === 'Secret';
    const object = (isSecret ? secretSchema : configMapSchema).parse(answer);
    const entries = Object.entries(object.data ?? {}).map(([key, value]): [string, Uint8Array] => {
      if (!isSecret) return [key, new TextEncoder().encode(value)];
      const octets = decodeBase64(value);
      // The server itself writes base64 with padding, whatever it was given.
      if (octets === undefined) throw new ForeignContentError(this.what, key, 'is not base64');
      return [key, octets];
    });
    return { object, data: new Map(entries) };
  }

  #path(): string {
    const { kind, namespace, name } = this.#init;
    return pathOf(kind === 'Secret' ? SECRETS : CONFIG_MAPS, { namespace, name });
  }
}

/** With one key changed; `undefined` takes it away. */
export function withKey(data: KeptData | undefined, key: string, value: Uint8Array | undefined): KeptData {
  const next = new Map(data);
  if (value === undefined) next.delete(key);
  else next.set(key, value);
  return next;
}

export function utf8(octets: Uint8Array): string {
  return new TextDecoder().decode(octets);
}

export function octetsOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function isReason(error: unknown, reason: string): boolean {
  return error instanceof KubeApiError && error.reason === reason;
}
