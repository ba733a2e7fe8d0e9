import { changedKeys } from '../../federation/model/diff.ts';
import { compareText, type ServiceKey } from '../../federation/model/ids.ts';
import { sameValue } from '../../federation/model/same-value.ts';
import { SortedMap } from '../../federation/model/sorted-map.ts';
import type { Finding } from '../../runtime/errors.ts';
import { type Desired, objectId } from '../apply/desired.ts';
import type { ImportsInput } from './input.ts';
import { splitKey } from './names.ts';
import { NO_PLAN, planService, type ServicePlan } from './plan-service.ts';

/**
 * All imports of a cluster: which objects there shall be. A function of its input alone; with the last plan handed back only
 * services are looked at that something changed for, and what comes out equal keeps its identity.
 */
export interface ImportsPlan {
  readonly input: ImportsInput;
  /** Services that need something: objects, removals, or to be told about. Sorted. */
  readonly services: ReadonlyMap<ServiceKey, ServicePlan>;
  /** Those that were looked at, in the order of their names. */
  readonly touched: readonly ServiceKey[];
}

export function planImports(input: ImportsInput, previous?: ImportsPlan): ImportsPlan {
  const touched = [...touchedKeys(input, previous)].sort(compareText);
  const edit = new Map<ServiceKey, ServicePlan | undefined>();
  for (const key of touched) {
    const before = previous?.services.get(key);
    const after = keepIdentity(planOf(key, input), before);
    if (after !== before) edit.set(key, isNothing(after) ? undefined : after);
  }
  const before: SortedMap<ServiceKey, ServicePlan> = SortedMap.from(previous?.services ?? []);
  return { input, services: before.with(edit), touched };
}

/** Sorted by service. */
export function importFindings({ services }: ImportsPlan): readonly Finding[] {
  return [...services.values()].flatMap(({ findings }) => findings);
}

function planOf(key: ServiceKey, input: ImportsInput): ServicePlan {
  return planService({
    key,
    service: input.services.get(key),
    local: input.local.get(key),
    namespace: input.namespaces.get(splitKey(key).namespace),
    present: input.present.get(key),
    trouble: input.troubles?.get(key),
    site: input.site,
    ports: input.ports,
    gateways: input.gateways,
    complete: input.complete,
  });
}

function touchedKeys(input: ImportsInput, previous: ImportsPlan | undefined): ReadonlySet<ServiceKey> {
  const last = previous?.input;
  const isSameFrame =
    last !== undefined &&
    last.site === input.site &&
    last.gateways === input.gateways &&
    last.complete === input.complete;
  if (!isSameFrame) {
    return new Set([...input.services.keys(), ...input.present.keys(), ...(previous?.services.keys() ?? [])]);
  }
  const touched = new Set<ServiceKey>([
    ...changedKeys(last.services, input.services),
    ...changedKeys(last.present, input.present),
    ...changedKeys(last.local, input.local),
    ...changedKeys(last.troubles, input.troubles),
  ]);
  for (const key of changedKeys(last.ports, input.ports)) touched.add(serviceOfPort(key));
  addOfNamespaces(touched, changedKeys(last.namespaces, input.namespaces), input);
  return touched;
}

/** Rare, and a namespace may have any number of services: all of them are looked through. */
function addOfNamespaces(touched: Set<ServiceKey>, namespaces: readonly string[], input: ImportsInput): void {
  if (namespaces.length === 0) return;
  const changed = new Set(namespaces);
  for (const map of [input.services, input.present]) {
    for (const key of map.keys()) if (changed.has(splitKey(key).namespace)) touched.add(key);
  }
}

/** `NAMESPACE/NAME:PORT` begins with the key of the service. */
function serviceOfPort(key: string): ServiceKey {
  return key.slice(0, key.lastIndexOf(':')) as ServiceKey;
}

function isNothing({ desired, surplus, findings }: ServicePlan): boolean {
  return desired.length === 0 && surplus.length === 0 && findings.length === 0;
}

function keepIdentity(after: ServicePlan, before: ServicePlan | undefined): ServicePlan {
  if (isNothing(after)) return before === undefined || isNothing(before) ? (before ?? NO_PLAN) : NO_PLAN;
  if (before === undefined) return after;
  const known = new Map(before.desired.map((desired) => [objectId(desired.ref), desired]));
  const desired = after.desired.map((object) => keepObject(object, known.get(objectId(object.ref))));
  const isSame =
    desired.length === before.desired.length &&
    desired.every((object, index) => object === before.desired[index]) &&
    sameValue(after.surplus, before.surplus) &&
    sameValue(after.findings, before.findings);
  return isSame ? before : { ...after, desired };
}

/** Equal hashes mean equal content. */
function keepObject(after: Desired, before: Desired | undefined): Desired {
  return before?.manifest?.hash === after.manifest?.hash &&
    sameValue(after.status, before?.status) &&
    before !== undefined
    ? before
    : after;
}
