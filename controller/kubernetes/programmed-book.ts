import type { Condition, KubeObject } from '../../kubernetes/api/objects.ts';
import type { Programming } from '../../kubernetes/kinds/conditions.ts';

/**
 * Which specs the gateways have acknowledged. Snapshots change all the time, and what was acknowledged once stays so until
 * the object says something else: so a moment at which everything is acknowledged counts for all objects that were taken
 * into account by then. The status that the replica before us wrote is believed.
 */
export class ProgrammedBook {
  /** Generation that is programmed, by uid. */
  readonly #generations = new Map<string, number>();

  /** `now`: how the gateways stand to the newest snapshot, which has the object's spec in it. */
  note(object: KubeObject, now: Programming): void {
    const { uid = '', generation = 0 } = object.metadata;
    if (now.kind === 'done') this.#generations.set(uid, generation);
  }

  programmingOf(object: KubeObject, now: Programming): Programming {
    const { uid = '', generation = 0 } = object.metadata;
    const isDone = this.#generations.get(uid) === generation || saysProgrammed(object);
    return isDone ? { kind: 'done' } : now.kind === 'done' ? { kind: 'pending' } : now;
  }

  /** Keeps these only. */
  retain(objects: Iterable<KubeObject>): void {
    const uids = new Set([...objects].map(({ metadata }) => metadata.uid));
    for (const uid of this.#generations.keys()) if (!uids.has(uid)) this.#generations.delete(uid);
  }
}

function saysProgrammed(object: KubeObject): boolean {
  // Written by us or another replica of ours; of others' objects there is none.
  const { status } = object as KubeObject & { readonly status?: { readonly conditions?: readonly Condition[] } };
  const found = status?.conditions?.find(({ type }) => type === 'Programmed');
  return found?.status === 'True' && found.observedGeneration === object.metadata.generation;
}
