import type { Condition, KubeObject, WantedCondition } from '../api/objects.ts';
import type { DesiredStatus } from './desired.ts';
import { covers } from './differs.ts';

/**
 * Status as it is written: conditions get the time of their last change of status and the generation they speak of
 * (meta/v1 Condition). Nothing is written when nothing changes, or a status would cause the event that causes it.
 */
export interface WrittenStatus extends Readonly<Record<string, unknown>> {
  readonly conditions: readonly Condition[];
}

/** `undefined` when the object says all of it already. */
export function statusToWrite(wanted: DesiredStatus, present: KubeObject, nowMs: number): WrittenStatus | undefined {
  const status = statusOf(present);
  const conditions = wanted.conditions.map((condition) =>
    completed(condition, conditionOf(status, condition.type), { nowMs, generation: present.metadata.generation }),
  );
  const isSame =
    (!isEmpty(wanted) || isEmpty({ conditions: status.conditions ?? [] })) &&
    (wanted.fields === undefined || covers(status, wanted.fields)) &&
    conditions.every((condition) => covers(conditionOf(status, condition.type), condition));
  return isSame ? undefined : { ...wanted.fields, conditions };
}

/** A wish to take everything of ours away; the server knows from its field manager what that is. */
function isEmpty({
  fields,
  conditions,
}: {
  readonly fields?: unknown;
  readonly conditions: readonly unknown[];
}): boolean {
  return fields === undefined && conditions.length === 0;
}

function completed(
  wanted: WantedCondition,
  before: Condition | undefined,
  at: { readonly nowMs: number; readonly generation: number | undefined },
): Condition {
  const observedGeneration = wanted.observedGeneration ?? at.generation;
  return {
    ...wanted,
    ...(observedGeneration === undefined ? {} : { observedGeneration }),
    lastTransitionTime: before?.status === wanted.status ? before.lastTransitionTime : timestamp(at.nowMs),
  };
}

interface StatusFields {
  readonly conditions?: readonly Condition[];
}

function statusOf(present: KubeObject): StatusFields {
  // What the server sent; kinds without conditions have none.
  return (present as KubeObject & { readonly status?: StatusFields }).status ?? {};
}

function conditionOf(status: StatusFields, type: string): Condition | undefined {
  return status.conditions?.find((condition) => condition.type === type);
}

/** meta/v1 Time: RFC 3339 in whole seconds. */
export function timestamp(epochMs: number): string {
  return new Date(epochMs).toISOString().replace(/\.\d+Z$/, 'Z');
}
