/** Ways to take one setting out of a generated resource, as JSON with Envoy's field names, right before Envoy reads it. */
import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import type { TypeUrl } from '../../gateway-config/snapshot.ts';
import { isObject } from '../envoy/file-xds.ts';

export type Edit = (resource: JsonObject, type: TypeUrl) => JsonObject;

/** Changes a copy of every resource of a type whose name fits. */
export function edit(type: TypeUrl, name: RegExp, change: (resource: JsonObject) => void): Edit {
  return (resource, given) => {
    if (given !== type || !name.test(nameOf(resource))) return resource;
    const copy = structuredClone(resource);
    change(copy);
    return copy;
  };
}

function nameOf(resource: JsonObject): string {
  const name = resource['name'] ?? resource['cluster_name'];
  return typeof name === 'string' ? name : '';
}

/** Every object below a value, itself included. A field may be deleted or replaced on the way. */
export function eachObject(value: JsonValue, visit: (object: JsonObject) => void): void {
  if (Array.isArray(value)) for (const item of value) eachObject(item, visit);
  if (!isObject(value)) return;
  visit(value);
  for (const item of Object.values(value)) eachObject(item, visit);
}

/** Back to Envoy's default, wherever the fields stand. */
export function without(...fields: readonly string[]): (resource: JsonObject) => void {
  return (resource) =>
    eachObject(resource, (object) => {
      for (const field of fields) delete object[field];
    });
}

/** Another value wherever the field stands. */
export function withValue(field: string, value: JsonValue): (resource: JsonObject) => void {
  return (resource) =>
    eachObject(resource, (object) => {
      if (object[field] !== undefined) object[field] = structuredClone(value);
    });
}

/** Some items of a list leave, wherever the list stands. */
export function withoutItems(field: string, leaves: (item: JsonValue) => boolean): (resource: JsonObject) => void {
  return (resource) =>
    eachObject(resource, (object) => {
      const list = object[field];
      if (Array.isArray(list)) object[field] = list.filter((item) => !leaves(item));
    });
}

/** Does the item say this text anywhere, as a name or a value? */
export function mentions(text: string): (item: JsonValue) => boolean {
  return (item) => JSON.stringify(item).includes(JSON.stringify(text));
}

/** Counts the resources that an edit really changed: one that finds nothing proves nothing. */
export class CountedEdit {
  readonly #edit: Edit | undefined;
  #changed = 0;

  constructor(given: Edit | undefined) {
    this.#edit = given;
  }

  get changed(): number {
    return this.#changed;
  }

  readonly apply: Edit = (resource, type) => {
    if (this.#edit === undefined) return resource;
    const edited = this.#edit(resource, type);
    if (JSON.stringify(edited) !== JSON.stringify(resource)) this.#changed += 1;
    return edited;
  };
}
