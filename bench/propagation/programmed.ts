import type { LedgerEvent } from '../../gateway-config/xds/ledger.ts';
import { diffSnapshots } from '../../gateway-config/xds/snapshot-diff.ts';
import { resourcesOf, type Snapshot } from '../../gateway-config/snapshot.ts';

/** One resource at one version; without a version: it is gone. */
export interface ResourceVersion {
  readonly type: string;
  readonly name: string;
  readonly version?: string | undefined;
}

export function changedBetween(before: Snapshot, after: Snapshot): readonly ResourceVersion[] {
  return [...diffSnapshots(before, after)].flatMap(([type, names]) => {
    const resources = resourcesOf(after, type);
    return names.map((name) => ({ type, name, version: resources.get(name)?.version }));
  });
}

export function acknowledgedBy(event: LedgerEvent): readonly ResourceVersion[] {
  if (event.kind !== 'acknowledged') return [];
  const { type } = event;
  return [
    ...[...event.versions].map(([name, version]) => ({ type, name, version })),
    ...event.gone.map((name) => ({ type, name })),
  ];
}

export function sameResource(left: ResourceVersion, right: ResourceVersion): boolean {
  return left.type === right.type && left.name === right.name && left.version === right.version;
}
