import { isAbsolute, resolve } from 'node:path';
import { InvalidInputError } from '../../runtime/errors.ts';
import type { StoreComponents } from './components.ts';
import type { Store } from './contract.ts';
import { StoreRefusedError } from './contract.ts';
import { EmbeddedStore } from './embedded.ts';
import { MemoryShelf, MemoryStore } from './memory.ts';
import { parseRedisAddress, REDIS_SCHEMES } from './redis/address.ts';
import { parseStoreAddress } from './remote/address.ts';
import { RemoteStore } from './remote/client.ts';
import type { StoreIdentity } from './remote/identity.ts';

export interface OpenStoreComponents extends StoreComponents {
  /** As whom to log in. Needed for `isthmus:` addresses only. */
  readonly identity?: StoreIdentity | undefined;
  /** DNS name. Needed for `redis:` addresses only: one server may hold several clustersets. */
  readonly clusterset?: string | undefined;
}

type Opener = (rest: string, url: string, components: OpenStoreComponents) => Promise<Store>;

/** A store for each scheme of an address. Another kind of store is another line here. */
const OPENERS: Readonly<Record<string, Opener>> = {
  embedded: openEmbedded,
  memory: openMemory,
  isthmus: openRemote,
  ...Object.fromEntries(REDIS_SCHEMES.map((scheme) => [scheme, openRedis])),
};

/** `memory:NAME` means the same store all over the process, and by its nature for the life of the process. */
const shelves = new Map<string, MemoryShelf>();

/**
 * Opens the store at an address: `embedded:PATH`, `memory:NAME`, `isthmus://HOST:PORT?pin=...`, `redis://HOST:PORT` and the
 * other forms of `redis/address.ts`. A server is not contacted before its first use.
 */
export async function openStore(url: string, components: OpenStoreComponents): Promise<Store> {
  const [, scheme = '', rest = ''] = /^([a-z]+(?:\+[a-z]+)?):(.*)$/s.exec(url) ?? [];
  const open = Object.hasOwn(OPENERS, scheme) ? OPENERS[scheme] : undefined;
  if (open === undefined) throw invalid('scheme', `unknown scheme ${JSON.stringify(scheme.slice(0, 40))}`);
  return open(rest, url, components);
}

async function openEmbedded(path: string, _url: string, components: OpenStoreComponents): Promise<Store> {
  if (path === '' || path.includes('\0')) throw invalid('path', 'the path of the embedded store is missing');
  return EmbeddedStore.open(components, { path: isAbsolute(path) ? path : resolve(path) });
}

async function openMemory(name: string, _url: string, components: OpenStoreComponents): Promise<Store> {
  const shelf = shelves.get(name) ?? new MemoryShelf();
  shelves.set(name, shelf);
  return new MemoryStore(components, { shelf });
}

async function openRemote(_rest: string, url: string, components: OpenStoreComponents): Promise<Store> {
  const address = parseStoreAddress(url);
  if (components.identity === undefined) {
    throw new StoreRefusedError('a store server wants a login, and this process has no identity yet', {
      hint: 'join the clusterset first: isthmus join TOKEN',
    });
  }
  return new RemoteStore(components, { address, identity: components.identity });
}

async function openRedis(_rest: string, url: string, components: OpenStoreComponents): Promise<Store> {
  const address = parseRedisAddress(url);
  const { clusterset } = components;
  if (clusterset === undefined)
    throw invalid('clusterset', 'a Redis store is opened for a clusterset, and none is named');
  // The library is not loaded for the other kinds of store.
  const { RedisStore } = await import('./redis/store.ts');
  return RedisStore.open(components, { address, clusterset });
}

function invalid(field: string, message: string): InvalidInputError {
  const hint = 'use embedded:PATH, memory:NAME, isthmus://HOST:PORT?pin=sha256:HEX or redis://HOST:PORT';
  return new InvalidInputError('store address', [
    { severity: 'error', reason: 'InvalidStoreAddress', field, message, hint },
  ]);
}
