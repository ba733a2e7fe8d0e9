import { compareText, type ClusterId } from './ids.ts';
import { GRANTS_MAX } from './record-schemas.ts';

/**
 * Whom the grants of a namespace let call one export. Grants only ever narrow, and they fail closed: an export that is
 * named by nothing but grants which we cannot honour is granted to nobody, because somebody meant to restrict it.
 */
export interface SlimGrant {
  readonly name: string;
  /** Names of Services. Absent: every export of the namespace. */
  readonly services?: readonly string[] | undefined;
  readonly clusters: readonly ClusterId[];
  /** Why it cannot be honoured, for people. Absent: it can. */
  readonly refused?: string | undefined;
}

export interface GrantsVerdict {
  /** Sorted. Absent: no grant names the export, so every active member may call it. */
  readonly grantedTo?: readonly ClusterId[] | undefined;
  readonly notes: readonly string[];
}

const OPEN: GrantsVerdict = { notes: [] };

export function grantsFor(service: string, grants: readonly SlimGrant[]): GrantsVerdict {
  const selecting = grants.filter(({ services }) => services?.includes(service) ?? true);
  if (selecting.length === 0) return OPEN;
  const accepted = selecting.filter(({ refused }) => refused === undefined);
  const clusters = [...new Set(accepted.flatMap((grant) => grant.clusters))].sort(compareText);
  const notes = selecting.flatMap(({ name, refused }) =>
    refused === undefined ? [] : [`ExportGrant ${name} is not honoured: ${refused}`],
  );
  if (clusters.length === 0) notes.push('granted to no cluster');
  if (clusters.length > GRANTS_MAX)
    notes.push(`granted to the first ${GRANTS_MAX} of ${clusters.length} clusters only`);
  return { grantedTo: clusters.slice(0, GRANTS_MAX), notes };
}
