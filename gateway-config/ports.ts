/**
 * The stable gateway port of every imported service port. A derived Service (or a client's configuration) points at it,
 * so a port is never given to another service while there is any other left, and a restart must not move one: the result
 * is kept (in the derived Service, or in the state folder) and handed in again.
 */
import { createHash } from 'node:crypto';
import type { ServicePortKey } from '../federation/model/ids.ts';
import { compareText, servicePortKey } from '../federation/model/ids.ts';
import type { FederationState, MergedService } from '../federation/model/state.ts';
import { IsthmusError } from '../runtime/errors.ts';

export interface PortRange {
  readonly first: number;
  /** Inclusive. */
  readonly last: number;
  /** Services at the same time: bounds the listeners of one Envoy. */
  readonly max: number;
}

export const EGRESS_PORTS: PortRange = { first: 20_000, last: 29_999, max: 5_000 };

export interface PortAllocation {
  /** Sorted by key. Withdrawn services keep their port until the space is needed. */
  readonly ports: ReadonlyMap<ServicePortKey, number>;
  /** Wanted keys that found no room, sorted. */
  readonly refused: readonly ServicePortKey[];
}

/** What a gateway set imports: the TCP ports of every ClusterSetIP service, sorted. */
export function wantedPorts(state: FederationState): readonly ServicePortKey[] {
  const wanted: ServicePortKey[] = [];
  for (const service of state.services.values()) wanted.push(...wantedPortsOf(service));
  return wanted.sort(compareText);
}

export function wantedPortsOf(service: MergedService): readonly ServicePortKey[] {
  if (service.type !== 'ClusterSetIP') return [];
  return service.ports
    .filter(({ protocol }) => protocol === 'TCP')
    .map(({ port }) => servicePortKey(service.key, port));
}

/**
 * Same input, same output, in any order of `wanted`. A new key is placed where its hash says, so that two gateway sets
 * that never spoke to each other mostly agree, then at the next free port. Who is refused never displaces who has one.
 */
export function allocatePorts(
  existing: ReadonlyMap<ServicePortKey, number>,
  wanted: readonly ServicePortKey[],
  range: PortRange = EGRESS_PORTS,
): PortAllocation {
  const wantedSet = new Set(wanted);
  const kept = keepValid(existing, range);
  const room = Math.min(range.max, range.last - range.first + 1);
  const newcomers = [...wantedSet].filter((key) => !kept.has(key)).sort(compareText);
  const withdrawn = [...kept.keys()].filter((key) => !wantedSet.has(key)).sort(compareText);
  const ports = new Map(kept);
  const taken = new Set(kept.values());
  const refused: ServicePortKey[] = [];
  for (const key of newcomers) {
    while (ports.size >= room) {
      const evicted = withdrawn.shift();
      if (evicted === undefined) break;
      taken.delete(ports.get(evicted) ?? 0);
      ports.delete(evicted);
    }
    if (ports.size >= room) {
      refused.push(key);
      continue;
    }
    const port = firstFree(key, taken, range);
    ports.set(key, port);
    taken.add(port);
  }
  return { ports: new Map([...ports].sort(([left], [right]) => compareText(left, right))), refused };
}

/** What was kept may come from an edited file or an older range: each port once, inside the range. */
function keepValid(existing: ReadonlyMap<ServicePortKey, number>, range: PortRange): Map<ServicePortKey, number> {
  const kept = new Map<ServicePortKey, number>();
  const taken = new Set<number>();
  for (const [key, port] of [...existing].sort(([left], [right]) => compareText(left, right))) {
    if (!Number.isInteger(port) || port < range.first || port > range.last || taken.has(port)) continue;
    kept.set(key, port);
    taken.add(port);
  }
  return kept;
}

function firstFree(key: ServicePortKey, taken: ReadonlySet<number>, range: PortRange): number {
  const size = range.last - range.first + 1;
  const start = createHash('sha256').update(key).digest().readUInt32BE(0) % size;
  for (let step = 0; step < size; step++) {
    const port = range.first + ((start + step) % size);
    if (!taken.has(port)) return port;
  }
  throw new IsthmusError('unreachable', 'no free port although there is room');
}
