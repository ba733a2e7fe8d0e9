import type { ServiceConflict } from '../../federation/model/state.ts';
import { assertNever } from '../../runtime/errors.ts';
import type { WantedCondition } from '../api/objects.ts';
import type { ExportVerdict } from './verdict.ts';

/**
 * The conditions of a ServiceExport, with the types and reasons of sigs.k8s.io/mcs-api v1beta1. `Valid` tells of the
 * export and its Service, `Ready` of our publishing it, `Conflict` of all clusters that export the same name.
 */
export interface ExportStatusInput {
  readonly verdict: ExportVerdict;
  /** A head of ours that has it was committed to a store. */
  readonly published: boolean;
  /** Why its record was not made, where it was not. */
  readonly failure?: string | undefined;
  /** `MergedService.conflicts`: the same on all exporters. */
  readonly conflicts: readonly ServiceConflict[];
}

/** Of the merge's field names, in the order of the API's list of reasons. */
const CONFLICT_REASONS: readonly (readonly [field: string, reason: string])[] = [
  ['ports', 'PortConflict'],
  ['type', 'TypeConflict'],
  ['sessionAffinity', 'SessionAffinityConflict'],
  ['sessionAffinityConfig', 'SessionAffinityConfigConflict'],
  ['annotations', 'AnnotationsConflict'],
  ['labels', 'LabelsConflict'],
  ['internalTrafficPolicy', 'InternalTrafficPolicyConflict'],
  ['trafficDistribution', 'TrafficDistributionConflict'],
  ['ipFamilies', 'IPFamilyConflict'],
];

/** The API allows 32,768; a condition is read by people. */
const MESSAGE_CHARS_MAX = 2_048;

/** Empty for an export that is being deleted: nobody waits for news of it. */
export function exportConditions(input: ExportStatusInput): readonly WantedCondition[] {
  const { verdict } = input;
  if (verdict.outcome === 'leaving') return [];
  return [validOf(verdict), readyOf(input), conflictOf(input)].map((condition) => ({
    ...condition,
    message: shorten(condition.message),
    observedGeneration: verdict.generation,
  }));
}

function validOf(verdict: ExportVerdict): WantedCondition {
  if (verdict.outcome === 'invalid') {
    return { type: 'Valid', status: 'False', reason: verdict.reason, message: verdict.message };
  }
  return { type: 'Valid', status: 'True', reason: 'Valid', message: 'the Service can be exported' };
}

function readyOf({ verdict, published, failure }: ExportStatusInput): WantedCondition {
  const type = 'Ready';
  switch (verdict.outcome) {
    case 'exported': {
      if (failure !== undefined) return { type, status: 'False', reason: 'Failed', message: failure };
      const notes = verdict.notes.map((note) => `; ${note}`).join('');
      return published
        ? { type, status: 'True', reason: 'Exported', message: `published to the clusterset${notes}` }
        : { type, status: 'False', reason: 'Pending', message: `not in the store yet${notes}` };
    }
    case 'failed':
      return { type, status: 'False', reason: 'Failed', message: verdict.message };
    case 'invalid':
      // A Service may still come; one of a wrong type has to be changed.
      return verdict.reason === 'NoService'
        ? { type, status: 'False', reason: 'Pending', message: 'waits for its Service' }
        : { type, status: 'False', reason: 'Failed', message: verdict.message };
    case 'leaving':
      return { type, status: 'False', reason: 'Pending', message: 'is being deleted' };
    default:
      return assertNever(verdict);
  }
}

function conflictOf({ verdict, conflicts }: ExportStatusInput): WantedCondition {
  const type = 'Conflict';
  // What is not exported takes no part, whatever the others disagree about.
  const known =
    verdict.outcome === 'exported'
      ? CONFLICT_REASONS.flatMap(([field, reason]) => found(conflicts, field, reason))
      : [];
  if (known.length === 0) {
    return { type, status: 'False', reason: 'NoConflicts', message: 'no other export disagrees' };
  }
  return {
    type,
    status: 'True',
    reason: [...new Set(known.map(({ reason }) => reason))].join(','),
    message: known.map(({ message }) => message).join('; '),
  };
}

function found(
  conflicts: readonly ServiceConflict[],
  field: string,
  reason: string,
): readonly { readonly reason: string; readonly message: string }[] {
  return conflicts
    .filter((conflict) => conflict.field === field)
    .map(({ winner, message }) => ({
      reason,
      message: message.startsWith(`${field} of ${winner} `)
        ? message
        : `${field} of ${winner} (the oldest export) win: ${message}`,
    }));
}

function shorten(message: string): string {
  return message.length <= MESSAGE_CHARS_MAX ? message : `${message.slice(0, MESSAGE_CHARS_MAX - 3)}...`;
}
