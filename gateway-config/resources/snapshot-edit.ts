/** From one snapshot to the next by what changed, so that the cost follows the change and not the size. */
import { compareText } from '../../federation/model/ids.ts';
import type { Resource, ResourceMap, Snapshot, TypeUrl } from '../snapshot.ts';
import { resourcesOf, TYPE_ORDER } from '../snapshot.ts';
import type { TypedResource } from './encode.ts';

export class SnapshotEdit {
  readonly #removed = new Map<TypeUrl, Set<string>>();
  readonly #put = new Map<TypeUrl, Map<string, Resource>>();

  /** A part's old resources go and its new ones come. A name may move from one part to another in any order. */
  replace(before: readonly TypedResource[], after: readonly TypedResource[]): void {
    for (const { type, resource } of before) {
      const names = this.#removed.get(type) ?? new Set();
      this.#removed.set(type, names.add(resource.name));
    }
    for (const { type, resource } of after) {
      const resources = this.#put.get(type) ?? new Map<string, Resource>();
      this.#put.set(type, resources.set(resource.name, resource));
    }
  }

  /** Types in which nothing changed keep their map, and resources of equal content their identity. */
  applyTo(base: Snapshot): Snapshot {
    const resources = new Map<TypeUrl, ResourceMap>();
    for (const type of TYPE_ORDER) resources.set(type, this.#applyType(type, resourcesOf(base, type)));
    const unchanged = TYPE_ORDER.every((type) => base.resources.get(type) === resources.get(type));
    return unchanged ? base : { resources };
  }

  #applyType(type: TypeUrl, base: ResourceMap): ResourceMap {
    const put = this.#put.get(type) ?? new Map<string, Resource>();
    const changed = [...put.values()].filter((resource) => base.get(resource.name)?.version !== resource.version);
    const gone = [...(this.#removed.get(type) ?? [])].filter((name) => !put.has(name) && base.has(name));
    if (changed.length === 0 && gone.length === 0) return base;
    const map = new Map(base);
    for (const name of gone) map.delete(name);
    for (const resource of changed) map.set(resource.name, resource);
    const isInOrder = changed.every((resource) => base.has(resource.name));
    return isInOrder ? map : new Map([...map].sort(([left], [right]) => compareText(left, right)));
  }
}
