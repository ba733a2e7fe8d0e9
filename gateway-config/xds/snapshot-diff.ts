import { resourcesOf, type Snapshot, TYPE_ORDER, type TypeUrl } from '../snapshot.ts';

/** Names that were added, changed or removed between two snapshots. Computed once, however many streams there are. */
export type SnapshotChanges = ReadonlyMap<TypeUrl, readonly string[]>;

export function diffSnapshots(before: Snapshot, after: Snapshot): SnapshotChanges {
  const changes = new Map<TypeUrl, readonly string[]>();
  for (const type of TYPE_ORDER) {
    const old = resourcesOf(before, type);
    const next = resourcesOf(after, type);
    if (old === next) continue;
    const names: string[] = [];
    for (const [name, resource] of next) {
      const known = old.get(name);
      if (known !== resource && known?.version !== resource.version) names.push(name);
    }
    for (const name of old.keys()) {
      if (!next.has(name)) names.push(name);
    }
    if (names.length > 0) changes.set(type, names);
  }
  return changes;
}
