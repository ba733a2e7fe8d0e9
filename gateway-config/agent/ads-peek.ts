import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { DeltaDiscoveryRequestSchema } from '../gen/envoy/service/discovery/v3/discovery_pb.ts';
import { TYPE_ORDER, TYPE_URL, type TypeUrl } from '../snapshot.ts';
import { type DeltaResponse, decodeResponse } from '../xds/wire.ts';
import type { ResourceCache } from './resource-cache.ts';

/**
 * Reads along while one Envoy stream is relayed or served: what Envoy acknowledges goes into the cache. Frames pass
 * unchanged, but for one thing: what a reconnecting Envoy says it has is corrected in its first request of a type.
 */
export class AdsPeek {
  readonly #cache: ResourceCache;
  readonly #server: 'controller' | 'cache';
  /** Clusters that Envoy got and whose endpoints it did not acknowledge since; outlives this stream. */
  readonly #warming: Set<string>;
  readonly #seen = new Set<TypeUrl>();
  readonly #pending = new Map<TypeUrl, DeltaResponse>();
  /** Until the first ACK of a type: what Envoy presented, so that the rest of the cache can be forgotten. */
  readonly #presented = new Map<TypeUrl, ReadonlySet<string>>();

  /** @param init.server who answers: the controller knows everything, the agent's cache may know less than Envoy */
  constructor(components: { cache: ResourceCache; warming: Set<string> }, init: { server: 'controller' | 'cache' }) {
    this.#server = init.server;
    this.#cache = components.cache;
    this.#warming = components.warming;
  }

  /** @returns the frame to pass on */
  request(frame: Uint8Array): Uint8Array {
    const message = fromBinary(DeltaDiscoveryRequestSchema, frame);
    const type = TYPE_ORDER.find((known) => known === message.typeUrl);
    if (type === undefined) return frame;
    this.#judged(type, message.responseNonce, message.errorDetail !== undefined);
    if (message.resourceNamesUnsubscribe.length > 0 && type !== TYPE_URL.cluster && type !== TYPE_URL.listener) {
      this.#cache.commit(type, { puts: [], removes: message.resourceNamesUnsubscribe });
    }
    if (this.#seen.has(type)) return frame;
    this.#seen.add(type);
    if (this.#server === 'controller') this.#presented.set(type, new Set(Object.keys(message.initialResourceVersions)));
    const corrected = this.#correct(type, message.initialResourceVersions);
    if (corrected === undefined) return frame;
    message.initialResourceVersions = corrected;
    return toBinary(DeltaDiscoveryRequestSchema, message);
  }

  response(frame: Uint8Array): void {
    const response = decodeResponse(frame);
    const type = TYPE_ORDER.find((known) => known === response.type);
    if (type === undefined) return;
    this.#pending.set(type, response);
    if (type !== TYPE_URL.cluster) return;
    for (const { name } of response.resources) this.#warming.add(name);
    for (const name of response.removed) this.#warming.delete(name);
  }

  #judged(type: TypeUrl, nonce: string, refused: boolean): void {
    const response = this.#pending.get(type);
    if (response === undefined || response.nonce !== nonce) return;
    this.#pending.delete(type);
    if (refused) return;
    if (type === TYPE_URL.endpoints) for (const { name } of response.resources) this.#warming.delete(name);
    this.#cache.commit(type, { puts: response.resources, removes: response.removed });
    const presented = this.#presented.get(type);
    if (presented === undefined) return;
    // The controller has now told everything that Envoy lacked, so what is neither presented nor told is gone.
    this.#presented.delete(type);
    const told = new Set(response.resources.map(({ name }) => name));
    this.#cache.retain(type, (name) => presented.has(name) || told.has(name));
  }

  /**
   * What Envoy says it has, so that it gets what it needs: endpoints of warming clusters come again, as Envoy waits for
   * them whatever it has. To the controller, what we could not keep counts as outdated, so that it comes by here. Our
   * own cache in turn never takes away or replaces what a living Envoy has: that is newer than anything kept.
   */
  #correct(type: TypeUrl, presented: Readonly<Record<string, string>>): Record<string, string> | undefined {
    const corrected: Record<string, string> = {};
    let changed = false;
    for (const [name, version] of Object.entries(presented)) {
      const said = this.#versionToSay(type, name, version);
      changed ||= said !== version;
      if (said !== undefined) corrected[name] = said;
    }
    return changed ? corrected : undefined;
  }

  #versionToSay(type: TypeUrl, name: string, version: string): string | undefined {
    const kept = this.#cache.get(type, name)?.version;
    if (kept === undefined) return this.#server === 'controller' ? OUTDATED : undefined;
    if (type === TYPE_URL.endpoints && this.#warming.has(name)) return OUTDATED;
    if (this.#server === 'cache') return kept;
    return kept === version ? version : OUTDATED;
  }
}

/** No version of ours: those are 16 hex digits. */
const OUTDATED = 'outdated';
