import type { ClusterSetSpec } from '../../sources/documents/kinds/cluster-set.ts';
import type { ReadSpec } from '../../sources/documents/kinds/read-spec.ts';
import { assertNever } from '../../runtime/errors.ts';
import type { DesiredStatus } from '../apply/desired.ts';
import { condition, type ConditionText, programmed, type Programming, resolvedRefs } from './conditions.ts';

/** The clusterset as one cluster sees it. */
export interface ClusterSetStatusInput {
  readonly generation: number | undefined;
  readonly read: ReadSpec<ClusterSetSpec>;
  readonly clusterset: string;
  readonly cluster: string;
  /** Version of the roster in force. */
  readonly roster: number;
  readonly members: {
    readonly active: number;
    readonly quarantined: number;
    readonly removed: number;
    /** Others that are heard and reached. */
    readonly live: number;
  };
  readonly services: { readonly exported: number; readonly imported: number };
  /** Names of the active members, the own cluster included. */
  readonly known: ReadonlySet<string>;
  readonly programming: Programming;
  readonly standing: ClusterStanding;
}

/** How this cluster stands to its clusterset. */
export type ClusterStanding =
  | { readonly kind: 'ready' }
  /** Not all members that may be in use were heard since the start. */
  | { readonly kind: 'gathering' }
  | { readonly kind: 'store-down'; readonly message: string }
  | { readonly kind: 'leaving' };

export function clusterSetStatus(input: ClusterSetStatusInput): DesiredStatus {
  const { generation, read, clusterset, cluster, roster, members, services, programming } = input;
  const accepted: ConditionText = read.ok
    ? { status: 'True', reason: 'Accepted', message: 'what it says is in force' }
    : { status: 'False', reason: 'Invalid', message: `${read.message}; what it said before stays in force` };
  return {
    fields: { clusterset, cluster, roster, members, services },
    conditions: [
      condition('Accepted', accepted, generation),
      condition('ResolvedRefs', refsOf(input), generation),
      condition('Programmed', programmed(programming, read.ok), generation),
      condition('Ready', readyOf(input.standing), generation),
    ],
  };
}

function refsOf({ read, known }: ClusterSetStatusInput): ConditionText {
  const pins = read.ok ? (read.value.importPins ?? []) : [];
  const names = new Set(pins.flatMap(({ clusters }) => clusters).filter((cluster) => !known.has(cluster)));
  return resolvedRefs([{ reason: 'UnknownCluster', what: 'clusters', names: [...names].toSorted() }]);
}

function readyOf(standing: ClusterStanding): ConditionText {
  switch (standing.kind) {
    case 'ready':
      return { status: 'True', reason: 'Ready', message: 'it reads what the other clusters publish' };
    case 'gathering':
      return { status: 'False', reason: 'Gathering', message: 'waits for the first word of the other clusters' };
    case 'store-down':
      return {
        status: 'False',
        reason: 'StoreUnreachable',
        message: `${standing.message}; what is known stays in force`,
      };
    case 'leaving':
      return { status: 'False', reason: 'Leaving', message: 'this cluster says goodbye to its clusterset' };
    default:
      return assertNever(standing);
  }
}
