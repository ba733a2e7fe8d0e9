import { grantsFor, type SlimGrant } from '../federation/model/export-grants.ts';
import {
  NO_POLICIES,
  policyKey,
  type ResolvedPolicies,
  resolvePolicies,
} from '../federation/model/failover-policies.ts';
import { type ClusterId, compareText } from '../federation/model/ids.ts';
import type { LocalService } from '../federation/model/local.ts';
import { GRANTS_MAX } from '../federation/model/record-schemas.ts';
import { sameValue } from '../federation/model/same-value.ts';
import { NO_SITE_POLICIES, type SitePolicies } from '../federation/model/site-policies.ts';
import type { Finding } from '../runtime/errors.ts';
import type { FileClusterSet, FileGrant, FilePolicy } from './decision.ts';
import { type ClusterSetSpec, importPinsOf, importsOf } from './documents/kinds/cluster-set.ts';

/** The decisions of all files, folded into one. Pure; what did not change keeps its identity. */
export interface DecisionsOfFile {
  readonly grants: readonly FileGrant[];
  readonly policies: readonly FilePolicy[];
  readonly clusterSets: readonly FileClusterSet[];
}

export interface FoldedDecisions {
  /** By namespace, with those that could be of any. */
  readonly grants: ReadonlyMap<string, readonly SlimGrant[]>;
  /** Of every namespace that no entry of `grants` is for. */
  readonly grantsOfAny: readonly SlimGrant[];
  readonly resolved: ResolvedPolicies;
  readonly clusterSet: ClusterSetSpec | undefined;
  readonly value: SitePolicies;
  readonly findings: readonly Finding[];
}

export const NOTHING_DECIDED: FoldedDecisions = {
  grants: new Map(),
  grantsOfAny: [],
  resolved: NO_POLICIES,
  clusterSet: undefined,
  value: NO_SITE_POLICIES,
  findings: [],
};

/** `files` in the order in which they count: of two documents for one thing the first holds. */
export function foldDecisions(files: readonly DecisionsOfFile[], previous: FoldedDecisions): FoldedDecisions {
  const findings: Finding[] = [];
  const policies = unique(
    files.flatMap((file) => file.policies),
    findings,
  );
  const resolved = resolvePolicies(
    policies.map(({ policy }) => policy),
    previous.resolved,
  );
  findings.push(...policies.flatMap((one) => conflictsOf(one, resolved)));
  const [first, ...others] = files.flatMap((file) => file.clusterSets);
  findings.push(...others.map((one) => secondClusterSet(one, first)));
  const { clusterSet, value } = valueOf(resolved, first?.spec, previous);
  return { ...foldGrants(files, previous), resolved, clusterSet, value, findings };
}

export function grantsOf({ grants, grantsOfAny }: FoldedDecisions, namespace: string): readonly SlimGrant[] {
  return grants.get(namespace) ?? grantsOfAny;
}

/** What the service says of itself and what grants say of it adds up. Absent: open to every member. */
export function grantedTo(
  { name, grantedTo: own }: Pick<LocalService, 'name' | 'grantedTo'>,
  grants: readonly SlimGrant[],
): readonly ClusterId[] | undefined {
  const granted = grantsFor(name, grants).grantedTo;
  if (own === undefined || granted === undefined) return own ?? granted;
  return [...new Set([...own, ...granted])].toSorted(compareText).slice(0, GRANTS_MAX);
}

function foldGrants(
  files: readonly DecisionsOfFile[],
  previous: FoldedDecisions,
): Pick<FoldedDecisions, 'grants' | 'grantsOfAny'> {
  const all = files.flatMap((file) => file.grants);
  const any = all.filter(({ namespace }) => namespace === undefined).map(({ grant }) => grant);
  const namespaces = new Set(all.flatMap(({ namespace }) => namespace ?? []));
  const grants = [...namespaces].toSorted(compareText).map((namespace): [string, readonly SlimGrant[]] => {
    const own = all.filter((one) => one.namespace === namespace).map(({ grant }) => grant);
    return [namespace, keep([...own, ...any], previous.grants.get(namespace))];
  });
  return { grants: new Map(grants), grantsOfAny: keep(any, previous.grantsOfAny) };
}

function valueOf(
  resolved: ResolvedPolicies,
  clusterSet: ClusterSetSpec | undefined,
  previous: FoldedDecisions,
): Pick<FoldedDecisions, 'clusterSet' | 'value'> {
  const isTaken = sameValue(clusterSet, previous.clusterSet);
  const isSame = isTaken && resolved.orders === previous.resolved.orders;
  if (isSame) return { clusterSet: previous.clusterSet, value: previous.value };
  const failover = resolved.orders;
  if (isTaken) return { clusterSet: previous.clusterSet, value: { ...previous.value, failover } };
  if (clusterSet === undefined) return { clusterSet, value: { failover } };
  return { clusterSet, value: { failover, pins: importPinsOf(clusterSet), imports: importsOf(clusterSet) } };
}

function unique(policies: readonly FilePolicy[], findings: Finding[]): readonly FilePolicy[] {
  const first = new Map<string, FilePolicy>();
  for (const one of policies) {
    const key = policyKey(one.policy);
    const earlier = first.get(key);
    if (earlier === undefined) first.set(key, one);
    else
      findings.push(
        duplicate(one, `policy ${key} is defined at ${earlier.file}:${earlier.line} already, which is used`),
      );
  }
  return [...first.values()];
}

function secondClusterSet(one: FileClusterSet, first: FileClusterSet | undefined): Finding {
  return duplicate(one, `the ClusterSet is defined at ${first?.file}:${first?.line} already, which is used`);
}

function duplicate({ file, line }: { readonly file: string; readonly line: number }, message: string): Finding {
  const where = { file, line, field: 'metadata.name', hint: 'keep one of the two' };
  return { severity: 'error', reason: 'Duplicate', message, ...where };
}

function conflictsOf({ policy, file, line }: FilePolicy, { verdicts }: ResolvedPolicies): readonly Finding[] {
  const lost = verdicts.get(policyKey(policy))?.lost ?? [];
  return lost.map(({ service, winner }): Finding => {
    const what = service === undefined ? `the namespace ${policy.namespace}` : `service ${service}`;
    const message = `for ${what} the policy ${winner} holds already`;
    return { severity: 'warning', reason: 'Conflicted', message, file, line, field: 'spec.services' };
  });
}

function keep<T>(now: T, before: T | undefined): T {
  return before !== undefined && sameValue(now, before) ? before : now;
}
