import type { ServiceKey } from '../../federation/model/ids.ts';
import { SortedMap } from '../../federation/model/sorted-map.ts';
import type { Finding } from '../../runtime/errors.ts';
import type { Applier } from '../apply/applier.ts';
import { type ObjectId, objectId } from '../apply/desired.ts';
import { SERVICES } from '../api/resources.ts';
import type { ImportsInput } from './input.ts';
import { importFindings, type ImportsPlan, planImports } from './plan.ts';
import { NO_PLAN, type ServicePlan } from './plan-service.ts';
import type { PresentChanges, PresentIndex } from './present.ts';

/** What the writer cannot see by itself. */
export type ImportsWanted = Omit<ImportsInput, 'present' | 'troubles'>;

export interface ImportsWriterComponents {
  readonly applier: Applier;
  /** The same one that the applier looks objects up in. */
  readonly present: PresentIndex;
}

/**
 * Carries plans to the applier: whatever changes, in the federation or in the cluster, leads to a plan of the services that
 * it touches, and a plan to objects that are wanted or not. Follows the news on a replica that is no leader too, where the
 * applier only keeps what it is told.
 */
export class ImportsWriter {
  readonly #applier: Applier;
  readonly #present: PresentIndex;
  #wanted: ImportsWanted | undefined;
  #plan: ImportsPlan | undefined;
  #troubles: SortedMap<ServiceKey, string> = SortedMap.empty();
  /** By the id of the derived Service, whose trouble is shown on the import. */
  readonly #derived = new Map<ObjectId, ServiceKey>();
  #isPlanning = false;
  #isOutdated = false;

  constructor(components: ImportsWriterComponents) {
    this.#applier = components.applier;
    this.#present = components.present;
    components.applier.onProblem((id) => this.#onProblem(id));
  }

  get plan(): ImportsPlan | undefined {
    return this.#plan;
  }

  get findings(): readonly Finding[] {
    return this.#plan === undefined ? [] : importFindings(this.#plan);
  }

  /** To be called when the reflectors of all three kinds have seen their first list, and then with all that is new. */
  update(wanted: ImportsWanted): void {
    this.#wanted = wanted;
    this.#replan();
  }

  /** A batch of news of ServiceImports, derived Services or slices. */
  observe(changes: PresentChanges): void {
    for (const ref of this.#present.update(changes)) this.#applier.recheck(ref);
    this.#replan();
  }

  /** Handing over a plan may end the trouble of an object, which is news: it waits until all of the plan is handed over. */
  #replan(): void {
    this.#isOutdated = true;
    if (this.#isPlanning) return;
    this.#isPlanning = true;
    try {
      while (this.#isOutdated) this.#planOnce();
    } finally {
      this.#isPlanning = false;
    }
  }

  #planOnce(): void {
    this.#isOutdated = false;
    if (this.#wanted === undefined) return;
    const before = this.#plan;
    const input: ImportsInput = { ...this.#wanted, present: this.#present.byService, troubles: this.#troubles };
    const plan = planImports(input, before);
    this.#plan = plan;
    for (const key of plan.touched) {
      this.#push(key, before?.services.get(key) ?? NO_PLAN, plan.services.get(key) ?? NO_PLAN);
    }
  }

  #push(key: ServiceKey, before: ServicePlan, after: ServicePlan): void {
    const cared = new Set<ObjectId>();
    for (const desired of after.desired) {
      const id = objectId(desired.ref);
      cared.add(id);
      if (desired.ref.resource === SERVICES) this.#derived.set(id, key);
      this.#applier.want(desired);
    }
    for (const removal of after.surplus) {
      cared.add(objectId(removal.ref));
      this.#applier.remove(removal);
    }
    // Was wanted, and is not there: should a write under way create it after all, its news make it surplus.
    for (const { ref } of [...before.desired, ...before.surplus]) {
      const id = objectId(ref);
      if (cared.has(id)) continue;
      this.#applier.forget(ref);
      // Afterwards: its trouble, when it had any, ends with it, or the service would come back with it one day.
      this.#derived.delete(id);
    }
  }

  #onProblem(id: ObjectId): void {
    const key = this.#derived.get(id);
    if (key === undefined) return;
    const troubles = this.#troubles.with(new Map([[key, this.#applier.problems.get(id)?.message]]));
    if (troubles === this.#troubles) return;
    this.#troubles = troubles;
    this.#replan();
  }
}
