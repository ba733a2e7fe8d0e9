import {
  type FailoverPolicy,
  NO_POLICIES,
  type ResolvedPolicies,
  resolvePolicies,
} from '../../federation/model/failover-policies.ts';
import { sameValue } from '../../federation/model/same-value.ts';
import { NO_SITE_POLICIES, type SitePolicies } from '../../federation/model/site-policies.ts';
import { importPinsOf, importsOf } from '../../sources/documents/kinds/cluster-set.ts';
import { CLUSTER_SET_NAME } from '../../sources/documents/kinds/kind-fields.ts';
import type { ReadSpec } from '../../sources/documents/kinds/read-spec.ts';
import type { Clock, Timer } from '../../runtime/clock.ts';
import { errorText, type Finding } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import { readClusterSet, readFailoverPolicy, type SpecObject } from '../kinds/read.ts';
import { KeptFile } from './kept-file.ts';
import { policyFile, type PolicyObjects } from './policy-file.ts';
import type { Reflected } from './reflected.ts';

/**
 * Follows what the people of a cluster have decided: FailoverPolicies and the ClusterSet. What was known last outlives a
 * restart: gateways that forgot an order would send running traffic elsewhere, and back again.
 */
export interface PolicyWatchComponents {
  readonly clock: Clock;
  readonly log: Logger;
  /** Started and closed by the watch. Others may listen to them too. */
  readonly policies: Reflected<SpecObject>;
  readonly clusterSets: Reflected<SpecObject>;
}

export interface PolicyWatchInit {
  readonly memoryFile?: string | undefined;
}

/** Somebody who replaces a definition takes it away first, and a server that starts does not know it yet. */
const ABSENCE_DOUBTED_MS = 30_000;

export class PolicyWatch {
  readonly #components: PolicyWatchComponents;
  readonly #memory: KeptFile<PolicyObjects>;
  readonly #listeners = new Set<() => void>();
  /** By the object: one that did not change is not read again. */
  readonly #read = new WeakMap<SpecObject, ReadSpec<FailoverPolicy>>();
  #undo: (() => void)[] = [];
  #absence: { readonly sinceMs: number; readonly timer: Timer } | undefined;
  #known = false;
  #resolved: ResolvedPolicies = NO_POLICIES;
  #taken: Taken = NOTHING_SAID;
  #value: SitePolicies = NO_SITE_POLICIES;

  constructor(components: PolicyWatchComponents, init: PolicyWatchInit) {
    this.#components = components;
    this.#memory = new KeptFile(components, policyFile(init.memoryFile));
  }

  /** Reads the disk and begins to watch; does not wait for the API server. */
  async start(): Promise<void> {
    const { policies, clusterSets, log } = this.#components;
    try {
      const kept = await this.#memory.load();
      if (kept !== undefined) this.#adopt(kept);
    } catch (error) {
      log.warn('the last known policies are unreadable, starting without', { err: errorText(error) });
    }
    this.#undo = [policies.onChange(() => this.#refresh()), clusterSets.onChange(() => this.#refresh())];
    this.#refresh();
    policies.start();
    clusterSets.start();
  }

  /** Whether `value` means anything. */
  get known(): boolean {
    return this.#known;
  }

  get value(): SitePolicies {
    return this.#value;
  }

  /** Which policy holds for what. */
  get resolved(): ResolvedPolicies {
    return this.#resolved;
  }

  get findings(): readonly Finding[] {
    const { policies, clusterSets } = this.#components;
    return [...policies.findings, ...clusterSets.findings];
  }

  readPolicy(object: SpecObject): ReadSpec<FailoverPolicy> {
    const read = this.#read.get(object) ?? readFailoverPolicy(object);
    this.#read.set(object, read);
    return read;
  }

  /** Calls `listener` after every change of `known`, `value` or `resolved`. Returns what takes it off again. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    for (const undo of this.#undo.splice(0)) undo();
    this.#absence?.timer.cancel();
    this.#listeners.clear();
    await Promise.all([this.#components.policies.close(), this.#components.clusterSets.close()]);
    await this.#memory.close();
  }

  #refresh(): void {
    if (!this.#isComplete()) return;
    const { policies, clusterSets } = this.#components;
    const objects = { policies: [...policies.objects.values()], clusterSets: [...clusterSets.objects.values()] };
    if (this.#adopt(objects)) this.#memory.save(objects);
  }

  /** A kind that is missing counts as empty, but not at first sight against what is known from before. */
  #isComplete(): boolean {
    const { policies, clusterSets, clock } = this.#components;
    if (!policies.synced || !clusterSets.synced) return false;
    if (!this.#known || !(policies.absent || clusterSets.absent)) {
      this.#absence?.timer.cancel();
      this.#absence = undefined;
      return true;
    }
    this.#absence ??= {
      sinceMs: clock.monotonicMs(),
      timer: clock.after(ABSENCE_DOUBTED_MS, () => this.#refresh()),
    };
    return clock.monotonicMs() - this.#absence.sinceMs >= ABSENCE_DOUBTED_MS;
  }

  /** Returns whether that is news. */
  #adopt({ policies, clusterSets }: PolicyObjects): boolean {
    const readable = policies.map((object) => this.readPolicy(object)).flatMap((read) => (read.ok ? [read.value] : []));
    const before = { known: this.#known, resolved: this.#resolved, taken: this.#taken };
    this.#resolved = resolvePolicies(readable, before.resolved);
    this.#taken = takenBy(clusterSets, before.taken);
    this.#known = true;
    const [resolved, taken] = [this.#resolved, this.#taken];
    if (resolved.orders !== before.resolved.orders || taken !== before.taken) {
      this.#value = { failover: resolved.orders, pins: taken.pins, imports: taken.imports };
    } else if (before.known && sameValue([...resolved.verdicts], [...before.resolved.verdicts])) return false;
    for (const listener of this.#listeners) listener();
    return true;
  }
}

/** What the ClusterSet says, with the spec that says it. */
interface Taken extends Pick<SitePolicies, 'pins' | 'imports'> {
  readonly spec?: unknown;
}

const NOTHING_SAID: Taken = {};

/** One that cannot be read leaves in force what was before it. */
function takenBy(clusterSets: readonly SpecObject[], before: Taken): Taken {
  const object = clusterSets.find(({ metadata }) => metadata.name === CLUSTER_SET_NAME);
  if (object === undefined) return before.spec === undefined ? before : NOTHING_SAID;
  const spec = object.spec ?? {};
  if (sameValue(spec, before.spec)) return before;
  const read = readClusterSet(object);
  return read.ok ? { spec, pins: importPinsOf(read.value), imports: importsOf(read.value) } : before;
}
