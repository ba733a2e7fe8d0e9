import type { SlimGrant } from '../../federation/model/export-grants.ts';
import type { ExportGrantSpec } from '../../sources/documents/kinds/export-grant.ts';
import type { ReadSpec } from '../../sources/documents/kinds/read-spec.ts';
import type { DesiredStatus } from '../apply/desired.ts';
import { condition, type ConditionText, programmed, type Programming, resolvedRefs } from './conditions.ts';

/** What became of an ExportGrant. */
export interface GrantStatusInput {
  readonly generation: number | undefined;
  readonly read: ReadSpec<ExportGrantSpec>;
  readonly grant: SlimGrant;
  /** Names of the clusterset's active members, the own cluster included. */
  readonly members: ReadonlySet<string>;
  /** Names of the Services that its namespace exports. */
  readonly exports: ReadonlySet<string>;
  readonly programming: Programming;
}

export function grantStatus(input: GrantStatusInput): DesiredStatus {
  const { generation, grant, members, exports, programming } = input;
  const accepted = acceptedOf(input);
  const isAccepted = accepted.status === 'True';
  const known = grant.clusters.filter((cluster) => members.has(cluster));
  const refs = resolvedRefs([
    { reason: 'UnknownCluster', what: 'clusters', names: grant.clusters.filter((cluster) => !members.has(cluster)) },
    { reason: 'UnknownService', what: 'exports', names: (grant.services ?? []).filter((name) => !exports.has(name)) },
  ]);
  return {
    fields: {
      clusters: isAccepted ? known.length : 0,
      exports: grant.services?.filter((name) => exports.has(name)).length ?? exports.size,
    },
    conditions: [
      condition('Accepted', accepted, generation),
      condition('ResolvedRefs', refs, generation),
      condition('Programmed', programmed(programming, isAccepted), generation),
    ],
  };
}

/** A grant that is not accepted closes: the message says so, because it is not what its author wanted. */
function acceptedOf({ read, grant }: GrantStatusInput): ConditionText {
  if (!read.ok) return { status: 'False', reason: 'Invalid', message: `${read.message}; it grants nothing` };
  if (grant.refused !== undefined) {
    return { status: 'False', reason: 'NotSupported', message: `${grant.refused} yet; it grants nothing` };
  }
  return { status: 'True', reason: 'Accepted', message: 'the grant is in force' };
}
