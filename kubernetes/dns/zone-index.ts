/**
 * Keeps the zone in step with the ServiceImports and slices of the cluster. Every replica has one and reads for itself, so
 * that names are answered whoever leads. A change marks its service; what is marked is made anew when the zone is next asked
 * for, so a burst of slices costs one making.
 */
import type { ServiceKey } from '../../federation/model/ids.ts';
import { type EndpointSliceObject, type ObjectKey, objectKey, type ServiceImportObject } from '../api/objects.ts';
import { importOf, readZoneService } from './read-objects.ts';
import { emptyZone, withServer, withServices, type Zone } from './zone.ts';
import type { ZoneService } from './zone-service.ts';

export type ZoneSourceKind = 'imports' | 'slices';

export class ZoneIndex {
  #zone: Zone = emptyZone();
  readonly #imports = new Map<ServiceKey, ServiceImportObject>();
  readonly #slices = new Map<ServiceKey, Map<ObjectKey, EndpointSliceObject>>();
  /** Where each slice was last: its label may change. */
  readonly #sliceOwners = new Map<ObjectKey, ServiceKey>();
  readonly #marked = new Set<ServiceKey>();
  readonly #missing = new Set<ZoneSourceKind>(['imports', 'slices']);

  /** Undefined until the first complete list of both kinds: what is not known yet is not "does not exist". */
  get zone(): Zone | undefined {
    if (this.#missing.size > 0) return undefined;
    if (this.#marked.size > 0) {
      this.#zone = withServices(
        this.#zone,
        [...this.#marked].map((key) => [key, this.#read(key)] as const),
      );
      this.#marked.clear();
    }
    return this.#zone;
  }

  /** The first complete list of this kind is in. A list that is made anew later changes nothing: the last good stays. */
  completed(kind: ZoneSourceKind): void {
    this.#missing.delete(kind);
  }

  /** Addresses of the DNS Service. */
  setServer(addresses: readonly string[]): void {
    const { server } = this.#zone;
    const isSame = server.length === addresses.length && server.every((address, index) => address === addresses[index]);
    if (!isSame) this.#zone = withServer(this.#zone, addresses);
  }

  applyImport(object: ServiceImportObject): void {
    const key = objectKey(object) as ServiceKey; // namespaced
    this.#imports.set(key, object);
    this.#marked.add(key);
  }

  deleteImport(key: ObjectKey): void {
    const service = key as ServiceKey; // namespaced
    if (this.#imports.delete(service)) this.#marked.add(service);
  }

  /** Any slice: those of no import are left aside. */
  applySlice(object: EndpointSliceObject): void {
    const key = objectKey(object);
    const owner = importOf(object);
    if (this.#sliceOwners.get(key) !== owner) this.deleteSlice(key);
    if (owner === undefined) return;
    const slices = this.#slices.get(owner) ?? new Map<ObjectKey, EndpointSliceObject>();
    this.#slices.set(owner, slices.set(key, object));
    this.#sliceOwners.set(key, owner);
    this.#marked.add(owner);
  }

  deleteSlice(key: ObjectKey): void {
    const owner = this.#sliceOwners.get(key);
    if (owner === undefined) return;
    this.#sliceOwners.delete(key);
    const slices = this.#slices.get(owner);
    slices?.delete(key);
    if (slices?.size === 0) this.#slices.delete(owner);
    this.#marked.add(owner);
  }

  #read(key: ServiceKey): ZoneService | undefined {
    const object = this.#imports.get(key);
    return object === undefined ? undefined : readZoneService(object, this.#slices.get(key)?.values() ?? []);
  }
}
