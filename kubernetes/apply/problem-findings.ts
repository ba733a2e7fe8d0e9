import { compareText } from '../../federation/model/ids.ts';
import type { Finding } from '../../runtime/errors.ts';
import type { Problem } from './applier.ts';
import { objectId, type ObjectId } from './desired.ts';

/** A rule that is missing in a role fails every object alike: a person needs to see it, not all of them. */
const SHOWN_MAX = 20;

/** What the applier cannot write, for people. Sorted; beyond the first ones only how many there are. */
export function problemFindings(problems: ReadonlyMap<ObjectId, Problem>): readonly Finding[] {
  const sorted = [...problems.values()].sort((left, right) => compareText(objectId(left.ref), objectId(right.ref)));
  const shown = sorted.slice(0, SHOWN_MAX).map(findingOf);
  const more = sorted.length - shown.length;
  if (more === 0) return shown;
  return [...shown, { severity: 'error', reason: 'NotWritten', message: `${more} more objects cannot be written` }];
}

function findingOf({ ref, reason, message }: Problem): Finding {
  const { resource, namespace, name } = ref;
  const where = namespace === undefined ? name : `${namespace}/${name}`;
  return {
    severity: 'error',
    reason,
    message: `${resource.kind} ${where} cannot be written: ${message}`,
    ...hintOf(reason),
  };
}

function hintOf(reason: string): { readonly hint?: string } {
  if (reason === 'Forbidden') return { hint: 'compare the roles of the controller with those of the chart' };
  if (reason === 'Conflict') return { hint: 'delete or rename the object that has the name' };
  return {};
}
