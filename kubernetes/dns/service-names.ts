/**
 * The names at and below `SERVICE.NAMESPACE.svc.clusterset.local`, and what each of them has. Source: KEP-1645,
 * "Kubernetes DNS-Based Multicluster Service Discovery", schema version 1.0.0, sections 2.3 and 2.4.
 */
import { isIPv4, isIPv6 } from 'node:net';
import { isDnsLabel } from '../../federation/model/ids.ts';
import type { SrvData } from './message.ts';
import type { ZoneEndpoint, ZonePort, ZoneService } from './zone-service.ts';

export const ZONE_NAME = 'clusterset.local';
/** 255 octets on the wire, RFC 1035 section 2.3.4: with the length of the first label and the root two more than as text. */
const NAME_TEXT_MAX = 253;
/** Sections 2.3.2 and 2.4.2 leave it open; the weights of a name add up to about this. */
const SRV_WEIGHT = 100;

/** All that a name has. Without any record it is an empty non-terminal (RFC 8020): it exists, and has nothing. */
export interface NameRecords {
  readonly A?: readonly string[];
  readonly AAAA?: readonly string[];
  readonly SRV?: readonly SrvData[];
}

export interface ServiceNames {
  readonly of: ZoneService;
  /** By the labels before the service's own, joined with dots; `''` is the service itself. Empty: nothing exists. */
  readonly names: ReadonlyMap<string, NameRecords>;
}

export function serviceNames(service: ZoneService): ServiceNames {
  const [namespace = '', name = ''] = service.key.split('/');
  const suffix = `${name}.${namespace}.svc.${ZONE_NAME}`;
  const draft = new Draft(suffix);
  if (service.type === 'ClusterSetIP') {
    draft.addAddresses('', service.ips);
    for (const port of service.ports) draft.addService(port, '', SRV_WEIGHT);
  } else {
    addEndpoints(draft, service.endpoints);
  }
  return { of: service, names: draft.names() };
}

/** Section 2.4: without a ready endpoint there is no name at all. */
function addEndpoints(draft: Draft, endpoints: readonly ZoneEndpoint[]): void {
  const weight = Math.max(1, Math.floor(SRV_WEIGHT / Math.max(1, endpoints.length)));
  for (const endpoint of endpoints) {
    draft.addAddresses('', endpoint.addresses);
    const host = hostOf(endpoint);
    if (host === undefined || !draft.fits(host)) continue;
    draft.addAddresses(host, endpoint.addresses);
    for (const port of endpoint.ports) draft.addService(port, host, weight);
  }
}

/** `HOSTNAME.CLUSTER`. Undefined for what cannot be part of a name. */
function hostOf({ hostname, cluster, addresses }: ZoneEndpoint): string | undefined {
  const [first = ''] = addresses;
  const label =
    hostname !== undefined && isDnsLabel(hostname) ? hostname : first.toLowerCase().replaceAll(/[.:]/g, '-');
  return label === '' || !isDnsLabel(cluster) ? undefined : `${label}.${cluster}`;
}

class Draft {
  readonly #suffix: string;
  readonly #names = new Map<string, { A: Set<string>; AAAA: Set<string>; SRV: Map<string, SrvData> }>();

  constructor(suffix: string) {
    this.#suffix = suffix;
  }

  fits(below: string): boolean {
    return this.#nameOf(below).length <= NAME_TEXT_MAX;
  }

  /** The name exists from here on, with or without addresses. */
  addAddresses(below: string, addresses: readonly string[]): void {
    const records = this.#at(below);
    for (const address of addresses) {
      if (isIPv4(address)) records.A.add(address);
      else if (isIPv6(address)) records.AAAA.add(address);
    }
  }

  addService({ name, protocol, port }: ZonePort, target: string, weight: number): void {
    if (name === undefined || name === '') return;
    const below = `_${name}._${protocol}`.toLowerCase();
    if (!this.fits(below)) return;
    const data = { priority: 0, weight, port, target: this.#nameOf(target) };
    this.#at(below).SRV.set(`${port} ${target}`, data);
  }

  names(): ReadonlyMap<string, NameRecords> {
    const made = new Map<string, NameRecords>();
    for (const [name, { A, AAAA, SRV }] of this.#names) {
      made.set(name, {
        ...(A.size > 0 && { A: [...A] }),
        ...(AAAA.size > 0 && { AAAA: [...AAAA] }),
        ...(SRV.size > 0 && { SRV: [...SRV.values()] }),
      });
    }
    return made;
  }

  #nameOf(below: string): string {
    return below === '' ? this.#suffix : `${below}.${this.#suffix}`;
  }

  #at(below: string): { A: Set<string>; AAAA: Set<string>; SRV: Map<string, SrvData> } {
    const there = this.#names.get(below);
    if (there !== undefined) return there;
    const made = { A: new Set<string>(), AAAA: new Set<string>(), SRV: new Map<string, SrvData>() };
    this.#names.set(below, made);
    // What is between a name and the service exists too: `_tcp`, a cluster.
    if (below !== '') this.#at(below.split('.').slice(1).join('.'));
    return made;
  }
}
