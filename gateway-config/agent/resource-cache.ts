import { type Resource, resourcesOf, type Snapshot, TYPE_ORDER, type TypeUrl } from '../snapshot.ts';
import { compareText } from '../../federation/model/ids.ts';

/** What Envoy last acknowledged, so that a new Envoy can be served while the controller is away. Never keys. */
export class ResourceCache {
  readonly #types = new Map<TypeUrl, Map<string, Resource>>();
  readonly #onChange: () => void;

  constructor(components: { onChange: () => void }, kept?: Snapshot) {
    this.#onChange = components.onChange;
    if (kept === undefined) return;
    for (const type of TYPE_ORDER) this.#types.set(type, new Map(resourcesOf(kept, type)));
  }

  /** An Envoy without clusters and listeners has never been configured: nothing worth serving. */
  get empty(): boolean {
    return [...this.#types.values()].every((resources) => resources.size === 0);
  }

  resources(type: TypeUrl): ReadonlyMap<string, Resource> {
    return this.#of(type);
  }

  get(type: TypeUrl, name: string): Resource | undefined {
    return this.#types.get(type)?.get(name);
  }

  /** What a gateway acknowledged in one go. */
  commit(type: TypeUrl, change: { puts: Iterable<Resource>; removes: Iterable<string> }): void {
    const resources = this.#of(type);
    let changed = false;
    for (const resource of change.puts) {
      if (resources.get(resource.name)?.version === resource.version) continue;
      // A copy: the frame that it came in holds up to a thousand others.
      resources.set(resource.name, { ...resource, encoded: resource.encoded.slice() });
      changed = true;
    }
    for (const name of change.removes) changed = resources.delete(name) || changed;
    if (changed) this.#onChange();
  }

  /** Forgets what Envoy does not have: called when a stream has told all that Envoy has. */
  retain(type: TypeUrl, keep: (name: string) => boolean): void {
    const gone = [...this.#of(type).keys()].filter((name) => !keep(name));
    if (gone.length > 0) this.commit(type, { puts: [], removes: gone });
  }

  snapshot(): Snapshot {
    const resources = new Map<TypeUrl, ReadonlyMap<string, Resource>>();
    for (const type of TYPE_ORDER) {
      const sorted = [...this.#of(type).values()].sort((left, right) => compareText(left.name, right.name));
      resources.set(type, new Map(sorted.map((resource) => [resource.name, resource])));
    }
    return { resources };
  }

  #of(type: TypeUrl): Map<string, Resource> {
    let resources = this.#types.get(type);
    if (resources === undefined) {
      resources = new Map();
      this.#types.set(type, resources);
    }
    return resources;
  }
}
