import type { ServiceKey } from '../../federation/model/ids.ts';
import { SortedMap } from '../../federation/model/sorted-map.ts';
import {
  type EndpointSliceObject,
  type KubeObject,
  type ObjectKey,
  type ServiceImportObject,
  type ServiceObject,
} from '../api/objects.ts';
import { ENDPOINT_SLICES, type Resource, SERVICE_IMPORTS, SERVICES } from '../api/resources.ts';
import { IMPORT_NAME_LABEL } from '../names.ts';
import type { ObjectRef } from '../apply/desired.ts';
import { derivedName, isNamedFor, keyOf } from './names.ts';

/** What is there for one service: its ServiceImport, whoever made it, and of our own the derived Service and slices. */
export interface PresentImport {
  readonly import?: ServiceImportObject | undefined;
  readonly service?: ServiceObject | undefined;
  /** Services with our labels and names that are not ours: copies that users made. By name. */
  readonly strays?: ReadonlyMap<string, ServiceObject> | undefined;
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
      edit.set(key, isNothing(after) ? undefined : after);
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
        change(key, (before) => withService(before, { key, id, object: owned }));
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
    const owner = object === undefined ? undefined : ownerOf(object, before);
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

/** An object that was known by its label stays where its name says: a user who edits the label must not hide it. */
function ownerOf({ metadata }: KubeObject, before: ServiceKey | undefined): ServiceKey | undefined {
  if (before !== undefined && isNamedFor(before, metadata.name)) return before;
  const name = metadata.labels?.[IMPORT_NAME_LABEL];
  return name === undefined ? undefined : keyOf(metadata.namespace, name);
}

function isNothing(present: PresentImport): boolean {
  const { service, strays, slices } = present;
  return present.import === undefined && service === undefined && strays === undefined && slices.size === 0;
}

/** Whoever copies a derived Service copies its labels: of several, the one with the name that we give is it. */
function withService(
  before: PresentImport,
  { key, id, object }: { readonly key: ServiceKey; readonly id: ObjectKey; readonly object: ServiceObject | undefined },
): PresentImport {
  const name = id.slice(id.indexOf('/') + 1);
  if (name === derivedName(key)) return { ...before, service: object };
  const strays = new Map(before.strays);
  keep(strays, name, object);
  return { ...before, strays: strays.size === 0 ? undefined : strays };
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
