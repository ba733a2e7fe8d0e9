import { TYPE_URL, type TypeUrl } from '../snapshot.ts';
import type { XdsRequest } from './request.ts';
import type { SessionEffect } from './session.ts';

type Sent = Extract<SessionEffect, { kind: 'send' }>;

/**
 * Envoy as a delta xDS client, reduced to what matters for delivery: it refuses versions that begin with `bad`, applies
 * the good resources of a refused response all the same, subscribes to the endpoints of its clusters and the routes of
 * its listeners (same names here), and waits for endpoints after every changed cluster without asking again.
 */
export class ModelClient {
  readonly has = new Map<TypeUrl, Map<string, string>>();
  /** Clusters that warm: their endpoints must come after the cluster. */
  readonly warming = new Set<string>();
  #subscribed = new Map<TypeUrl, Set<string>>();
  #requests: XdsRequest[] = [];

  versions(type: TypeUrl): Map<string, string> {
    let versions = this.has.get(type);
    if (versions === undefined) {
      versions = new Map();
      this.has.set(type, versions);
    }
    return versions;
  }

  /** A new stream: everything that is held is presented, every name subscribed to anew. */
  connect(): void {
    this.#requests = [];
    this.#subscribed = new Map();
    for (const type of [TYPE_URL.cluster, TYPE_URL.listener]) {
      this.#request({ type, subscribe: [], presented: new Map(this.versions(type)) });
    }
    for (const type of [TYPE_URL.endpoints, TYPE_URL.route]) {
      const names = this.#wanted(type);
      if (names.length === 0) continue;
      this.#subscribed.set(type, new Set(names));
      this.#request({ type, subscribe: names, presented: new Map(this.versions(type)) });
    }
  }

  nextRequest(): XdsRequest | undefined {
    return this.#requests.shift();
  }

  receive(response: Sent): void {
    const { type } = response;
    const versions = this.versions(type);
    const bad: string[] = [];
    for (const { name, version } of response.resources) {
      // Sent before the server saw the unsubscription. Envoy ignores what it has no watch for; a client that kept it
      // would have something left over that no server can know of.
      if (!this.#watches(type, name)) continue;
      if (type === TYPE_URL.endpoints) this.warming.delete(name);
      if (version.startsWith('bad')) {
        bad.push(name);
        continue;
      }
      if (type === TYPE_URL.cluster && versions.get(name) !== version) this.warming.add(name);
      versions.set(name, version);
    }
    for (const name of response.removed) {
      versions.delete(name);
      if (type === TYPE_URL.cluster || type === TYPE_URL.endpoints) this.warming.delete(name);
    }
    const refusal = bad.length === 0 ? undefined : `Error adding/updating: ${bad.join(', ')}: they are bad`;
    this.#request({ type, nonce: response.nonce, refusal });
    if (type === TYPE_URL.cluster) this.#resubscribe(TYPE_URL.endpoints);
    if (type === TYPE_URL.listener) this.#resubscribe(TYPE_URL.route);
  }

  #resubscribe(type: TypeUrl): void {
    const before = this.#subscribed.get(type) ?? new Set<string>();
    const after = new Set(this.#wanted(type));
    const subscribe = [...after].filter((name) => !before.has(name));
    const unsubscribe = [...before].filter((name) => !after.has(name));
    for (const name of unsubscribe) this.versions(type).delete(name);
    if (subscribe.length + unsubscribe.length === 0) return;
    this.#subscribed.set(type, after);
    this.#request({ type, subscribe, unsubscribe });
  }

  #watches(type: TypeUrl, name: string): boolean {
    const byName = type === TYPE_URL.endpoints || type === TYPE_URL.route;
    return !byName || this.#subscribed.get(type)?.has(name) === true;
  }

  #wanted(type: TypeUrl): string[] {
    return [...this.versions(type === TYPE_URL.endpoints ? TYPE_URL.cluster : TYPE_URL.listener).keys()];
  }

  #request(request: Partial<XdsRequest> & { readonly type: TypeUrl }): void {
    const node = { id: 'gw', build: 'envoy/1.40.0' };
    this.#requests.push({ subscribe: [], unsubscribe: [], presented: new Map(), nonce: '', node, ...request });
  }
}
