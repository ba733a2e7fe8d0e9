import type { ReadyWeight, ServiceRecord } from '../federation/model/records.ts';
import type { ClusterView } from '../federation/model/state.ts';
import type { Urgency } from '../federation/sync/publish-pace.ts';

/**
 * How fast a change of the own records must go out. What makes something available or unavailable somewhere goes at
 * once; a mere change of weight waits for its turn, so that a rolling update of a thousand pods is not a thousand versions.
 */
export function urgencyOf(before: ClusterView | undefined, after: ClusterView): Urgency {
  if (before === undefined) return 'availability';
  if (before.info !== after.info || before.gateways !== after.gateways) return 'availability';
  if (before.services.size !== after.services.size) return 'availability';
  for (const [key, service] of after.services) {
    const known = before.services.get(key);
    if (known === service) continue;
    if (known === undefined || !differsInWeightOnly(known, service)) return 'availability';
  }
  return 'weight';
}

function differsInWeightOnly(before: ServiceRecord, after: ServiceRecord): boolean {
  return shape(before) === shape(after);
}

/** Everything but how many: which ports are ready in which localities, and all other fields. */
function shape(service: ServiceRecord): string {
  return JSON.stringify({ ...service, ready: service.ready.map(availability) });
}

function availability({ port, region, zone, ready }: ReadyWeight): unknown[] {
  return [port, region, zone, ready > 0];
}
