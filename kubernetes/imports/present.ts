import type { ServiceKey } from '../../federation/model/ids.ts';
import { SortedMap } from '../../federation/model/sorted-map.ts';
import {
  type EndpointSliceObject,
  type KubeObject,
  type ObjectKey,
  objectKey,
  type ServiceImportObject,
  type ServiceObject,
} from '../api/objects.ts';
import { ENDPOINT_SLICES, type Resource, SERVICE_IMPORTS, SERVICES } from '../api/resources.ts';
import { IMPORT_NAME_LABEL } from '../names.ts';
import type { ObjectRef } from '../apply/desired.ts';
import { keyOf } from './names.ts';

/** What is there for one service: its ServiceImport, whoever made it, and of our own the derived Service and slices. */
export interface PresentImport {
  readonly import?: ServiceImportObject | undefined;
  readonly service?: ServiceObject | undefined;
  /** By name. */
  readonly slices: ReadonlyMap<string, EndpointSliceObject>;
}

/** A batch of a reflector's news. `undefined`: it is gone. */
export type Changes<T> = ReadonlyMap<ObjectKey, T | undefined>;

export interface PresentChanges {
  /** All ServiceImports, also those of others: their names are taken. */
  readonly imports?: Changes<ServiceImportObject> | undefined;
  /** Services with our managed-by label. */
  readonly services?: Changes<ServiceObject> | undefined;
  /** EndpointSlices with our managed-by label. */
  readonly slices?: Changes<EndpointSliceObject> | undefined;
}

const NOTHING: PresentImport = { slices: new Map() };

/**
 * Objects by the service they belong to. Fed with the batches of reflectors; each state of `byService` is immutable and
 * shares what did not change with the one before.
 */
export class PresentIndex {
  #byService: SortedMap<ServiceKey, PresentImport> = SortedMap.empty();
  /** Who an object belonged to: a deletion brings no labels, and labels may be edited. */
  readonly #owners = { services: new Map<ObjectKey, ServiceKey>(), slices: new Map<ObjectKey, ServiceKey>() };
  readonly #objects = {
    imports: new Map<ObjectKey, KubeObject>(),
    services: new Map<ObjectKey, KubeObject>(),
    slices: new Map<ObjectKey, KubeObject>(),
  };
  readonly #byResource: ReadonlyMap<Resource, ReadonlyMap<ObjectKey, KubeObject>> = new Map([
    [SERVICE_IMPORTS, this.#objects.imports],
    [SERVICES, this.#objects.services],
    [ENDPOINT_SLICES, this.#objects.slices],
  ]);

  get byService(): SortedMap<ServiceKey, PresentImport> {
    return this.#byService;
  }

  /** For the applier: ServiceImports, Services and EndpointSlices only. */
  find({ resource, namespace, name }: ObjectRef): KubeObject | undefined {
    return this.#byResource.get(resource)?.get(`${namespace ?? ''}/${name}`);
  }

  /** The objects of which something is new. */
  update(changes: PresentChanges): readonly ObjectRef[] {
    const edit = new Map<ServiceKey, PresentImport | undefined>();
    const change = (key: ServiceKey, part: (before: PresentImport) => PresentImport): void => {
      const after = part((edit.has(key) ? edit.get(key) : this.#byService.get(key)) ?? NOTHING);
      const isNothing = after.import === undefined && after.service === undefined && after.slices.size === 0;
      edit.set(key, isNothing ? undefined : after);
    };
    for (const [id, object] of changes.imports ?? []) {
      keep(this.#objects.imports, id, object);
      const [namespace = '', name = ''] = id.split('/');
      const key = keyOf(namespace, name);
      if (key !== undefined) change(key, (before) => ({ ...before, import: object }));
    }
    for (const [id, object] of changes.services ?? []) {
      keep(this.#objects.services, id, object);
      for (const [key, owned] of this.#moved('services', id, object)) {
        change(key, (before) => withService(before, id, owned));
      }
    }
    for (const [id, object] of changes.slices ?? []) {
      keep(this.#objects.slices, id, object);
      for (const [key, owned] of this.#moved('slices', id, object)) {
        change(key, (before) => withSlice(before, id, owned));
      }
    }
    this.#byService = this.#byService.with(edit);
    return [
      ...refsOf(SERVICE_IMPORTS, changes.imports),
      ...refsOf(SERVICES, changes.services),
      ...refsOf(ENDPOINT_SLICES, changes.slices),
    ];
  }

  /** The service that loses the object, when there is one, and the service that has it now. */
  #moved<T extends KubeObject>(
    kind: 'services' | 'slices',
    id: ObjectKey,
    object: T | undefined,
  ): readonly (readonly [ServiceKey, T | undefined])[] {
    const before = this.#owners[kind].get(id);
    const owner = object === undefined ? undefined : ownerOf(object);
    keep(this.#owners[kind], id, owner);
    const moves: (readonly [ServiceKey, T | undefined])[] = [];
    if (before !== undefined && before !== owner) moves.push([before, undefined]);
    if (owner !== undefined) moves.push([owner, object]);
    return moves;
  }
}

function refsOf(resource: Resource, changes: Changes<KubeObject> = new Map()): readonly ObjectRef[] {
  return [...changes.keys()].map((id) => {
    const slash = id.indexOf('/');
    return { resource, namespace: id.slice(0, slash), name: id.slice(slash + 1) };
  });
}

function ownerOf({ metadata }: KubeObject): ServiceKey | undefined {
  const name = metadata.labels?.[IMPORT_NAME_LABEL];
  return name === undefined ? undefined : keyOf(metadata.namespace, name);
}

/** Of two Services that claim to stand for one import, the one that goes was not it. */
function withService(before: PresentImport, id: ObjectKey, object: ServiceObject | undefined): PresentImport {
  if (object === undefined && before.service !== undefined && objectKey(before.service) !== id) return before;
  return { ...before, service: object };
}

function withSlice(before: PresentImport, id: ObjectKey, object: EndpointSliceObject | undefined): PresentImport {
  const slices = new Map(before.slices);
  keep(slices, id.slice(id.indexOf('/') + 1), object);
  return { ...before, slices };
}

function keep<K, V>(map: Map<K, V>, key: K, value: V | undefined): void {
  if (value === undefined) map.delete(key);
  else map.set(key, value);
}
