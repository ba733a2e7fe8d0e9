import type { ServiceKey } from '../../federation/model/ids.ts';
import { compareText, isDnsLabel } from '../../federation/model/ids.ts';
import type { LocalService, LocalView } from '../../federation/model/local.ts';
import { sameValue } from '../../federation/model/same-value.ts';
import { SortedMap } from '../../federation/model/sorted-map.ts';
import type { ObjectKey } from '../api/objects.ts';
import type { SlimGrant } from '../../federation/model/export-grants.ts';
import type { NamespaceState, SlimExport, SlimService } from './projections.ts';
import type { SlimSlice } from './slice-projection.ts';
import type { ExportVerdict } from './verdict.ts';
import { judgeExport } from './verdict.ts';

/**
 * From changes of objects to what the cluster exports. A change only marks the exports that it can touch; `settle` judges
 * those and no others, and what comes out equal keeps its identity. Does no I/O, and what it arrives at does not depend
 * on the order in which the changes came.
 */
export type Changed<T> = ReadonlyMap<ObjectKey, T | undefined>;

/** `undefined` means deleted. */
export interface ExportChanges {
  readonly services?: Changed<SlimService>;
  readonly slices?: Changed<SlimSlice>;
  readonly exports?: Changed<SlimExport>;
  readonly namespaces?: Changed<NamespaceState>;
  readonly grants?: Changed<SlimGrant>;
}

export interface ExportsState {
  readonly view: LocalView;
  /** Every ServiceExport, by `NAMESPACE/NAME`. */
  readonly exports: SortedMap<ObjectKey, ExportVerdict>;
}

export class ExportIndex {
  readonly #services = new Map<ObjectKey, SlimService>();
  readonly #exports = new Map<ObjectKey, SlimExport>();
  readonly #namespaces = new Map<string, NamespaceState>();
  readonly #slices = new Map<ObjectKey, SlimSlice>();
  readonly #slicesOf = new Groups();
  readonly #grants = new Map<ObjectKey, SlimGrant>();
  readonly #grantsIn = new Groups();
  readonly #exportsIn = new Groups();
  readonly #marked = new Set<ObjectKey>();
  #state: ExportsState = { view: { services: SortedMap.empty() }, exports: SortedMap.empty() };
  #judged = 0;

  /** How many exports were judged so far: work must follow the change. */
  get judged(): number {
    return this.#judged;
  }

  update({ services, slices, exports, namespaces, grants }: ExportChanges): void {
    for (const [key, service] of services ?? []) {
      put(this.#services, key, service);
      this.#mark(key);
    }
    for (const [key, slice] of slices ?? []) this.#putSlice(key, slice);
    for (const [key, wanted] of exports ?? []) {
      put(this.#exports, key, wanted);
      const namespace = namespaceOf(key);
      this.#exportsIn.move(key, namespace, wanted === undefined ? undefined : namespace);
      this.#marked.add(key);
    }
    for (const [name, namespace] of namespaces ?? []) {
      put(this.#namespaces, name, namespace);
      this.#markNamespace(name);
    }
    for (const [key, grant] of grants ?? []) {
      put(this.#grants, key, grant);
      const namespace = namespaceOf(key);
      this.#grantsIn.move(key, namespace, grant === undefined ? undefined : namespace);
      this.#markNamespace(namespace);
    }
  }

  /** The state after all updates so far; the same object when nothing of it is different. */
  settle(): ExportsState {
    const verdicts = new Map<ObjectKey, ExportVerdict | undefined>();
    const services = new Map<ServiceKey, LocalService | undefined>();
    for (const key of this.#marked) {
      const verdict = this.#judge(key);
      verdicts.set(key, verdict);
      // `NAMESPACE/NAME`; only names that a Service can have are ever exported.
      if (isServiceName(key))
        services.set(key as ServiceKey, verdict?.outcome === 'exported' ? verdict.service : undefined);
    }
    this.#marked.clear();
    const exports = this.#state.exports.with(verdicts);
    const before = SortedMap.from(this.#state.view.services);
    const after = before.with(services);
    if (exports !== this.#state.exports || after !== before) {
      this.#state = { view: after === before ? this.#state.view : { services: after }, exports };
    }
    return this.#state;
  }

  #mark(key: ObjectKey): void {
    if (this.#exports.has(key)) this.#marked.add(key);
  }

  #markNamespace(namespace: string): void {
    for (const key of this.#exportsIn.of(namespace)) this.#marked.add(key);
  }

  #putSlice(key: ObjectKey, slice: SlimSlice | undefined): void {
    const before = this.#slices.get(key);
    put(this.#slices, key, slice);
    this.#slicesOf.move(key, before?.service, slice?.service);
    if (before !== undefined) this.#mark(before.service);
    if (slice !== undefined && slice.service !== before?.service) this.#mark(slice.service);
  }

  #judge(key: ObjectKey): ExportVerdict | undefined {
    const wanted = this.#exports.get(key);
    if (wanted === undefined) return undefined;
    this.#judged += 1;
    const namespace = namespaceOf(key);
    const verdict = judgeExport({
      key,
      wanted,
      service: this.#services.get(key),
      // Not heard of yet: it must be there, or its objects would not be.
      namespaceTerminating: this.#namespaces.get(namespace) === 'terminating',
      slices: collect(this.#slices, this.#slicesOf.of(key)),
      grants: collect(this.#grants, this.#grantsIn.of(namespace)),
    });
    return keepIdentity(verdict, this.#state.exports.get(key));
  }
}

/** Which keys belong to which group; groups without keys are forgotten. */
class Groups {
  readonly #groups = new Map<string, Set<ObjectKey>>();

  of(group: string): ReadonlySet<ObjectKey> {
    return this.#groups.get(group) ?? EMPTY;
  }

  move(key: ObjectKey, from: string | undefined, to: string | undefined): void {
    if (from !== undefined && from !== to) {
      const left = this.#groups.get(from);
      left?.delete(key);
      if (left?.size === 0) this.#groups.delete(from);
    }
    if (to === undefined) return;
    const joined = this.#groups.get(to);
    if (joined === undefined) this.#groups.set(to, new Set([key]));
    else joined.add(key);
  }
}

const EMPTY: ReadonlySet<ObjectKey> = new Set();

function put<T>(into: Map<ObjectKey, T>, key: ObjectKey, value: T | undefined): void {
  if (value === undefined) into.delete(key);
  else into.set(key, value);
}

/** Sorted by key: what comes first must not depend on which was heard of first. */
function collect<T>(from: ReadonlyMap<ObjectKey, T>, keys: ReadonlySet<ObjectKey>): readonly T[] {
  return [...keys].sort(compareText).flatMap((key) => from.get(key) ?? []);
}

function namespaceOf(key: ObjectKey): string {
  return key.slice(0, key.indexOf('/'));
}

function isServiceName(key: ObjectKey): boolean {
  return isDnsLabel(key.slice(key.indexOf('/') + 1));
}

function keepIdentity(verdict: ExportVerdict, before: ExportVerdict | undefined): ExportVerdict {
  if (sameValue(verdict, before) && before !== undefined) return before;
  if (verdict.outcome !== 'exported' || before?.outcome !== 'exported') return verdict;
  return sameValue(verdict.service, before.service) ? { ...verdict, service: before.service } : verdict;
}
