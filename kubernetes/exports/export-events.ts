import type { WantedCondition } from '../api/objects.ts';
import { apiVersionOf, SERVICE_EXPORTS } from '../api/resources.ts';
import type { Occurrence } from '../events/event-book.ts';
import type { ExportVerdict } from './verdict.ts';

/**
 * What is worth an Event on a ServiceExport: that it began to be exported, and whatever keeps it from it or makes clusters
 * disagree. Events tell of changes: what was so before is not told again.
 */
export function exportOccurrences(
  verdict: ExportVerdict,
  conditions: readonly WantedCondition[],
  before: readonly WantedCondition[] | undefined,
): readonly Occurrence[] {
  return conditions.flatMap((condition) => {
    const last = before?.find(({ type }) => type === condition.type);
    const isSame = last?.status === condition.status && last.reason === condition.reason;
    // After a restart nothing is known of before, and most exports are fine: only what is wrong is told.
    if (isSame || (before === undefined && !isTrouble(condition))) return [];
    const type = isTrouble(condition) ? ('Warning' as const) : ('Normal' as const);
    if (type === 'Normal' && !(condition.type === 'Ready' && condition.status === 'True')) return [];
    return [
      { regarding: regarding(verdict), type, reason: condition.reason, action: 'Export', note: condition.message },
    ];
  });
}

/** `Pending` is on its way to something else. */
function isTrouble({ type, status, reason }: WantedCondition): boolean {
  if (type === 'Conflict') return status === 'True';
  return status === 'False' && reason !== 'Pending';
}

function regarding({ key, uid }: ExportVerdict): Occurrence['regarding'] {
  const slash = key.indexOf('/');
  const [namespace, name] = [key.slice(0, slash), key.slice(slash + 1)];
  return { apiVersion: apiVersionOf(SERVICE_EXPORTS), kind: SERVICE_EXPORTS.kind, namespace, name, uid };
}
