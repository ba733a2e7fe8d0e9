import { type CheckFinding, problem, remark, warning } from '../../federation/store/check-finding.ts';
import { formatAge } from '../output/table.ts';
import type { DumpedCluster, StoreDump } from './dump.ts';

/** What the contents of a store tell about it: whatever does not verify got there past our controllers, or got damaged. */
export function checkContents(dump: StoreDump): readonly CheckFinding[] {
  const unverified = dump.clusters.filter(({ verified, member }) => !verified && member !== 'none');
  const strangers = dump.clusters.filter(({ member }) => member === 'none');
  return [
    ...checkRoster(dump),
    ...atMost(unverified.map(notVerified)),
    ...(dump.roster.verified ? atMost(strangers.map(noMember)) : []),
    ...atMost(dump.clusters.filter(isSilent).map(silent)),
  ];
}

function checkRoster({ roster, clusters }: StoreDump): readonly CheckFinding[] {
  const { version, verified, message, knownVersion, reason } = roster;
  if (version === undefined && reason !== 'Unreadable') {
    if (clusters.length === 0) return [remark('Empty', 'nothing is in it yet')];
    const hint = "is the authority's controller running? It brings the roster back by itself";
    return [warning('RosterMissing', 'clusters are in it, and no roster', hint)];
  }
  if (!verified) {
    const hint = 'is it the store of another clusterset, or of one founded anew under the same name?';
    return [problem('RosterNotVerified', `its roster is not believed: ${message ?? ''}`, hint)];
  }
  if (knownVersion === undefined) return [];
  const text = `its roster is version ${version ?? 0}, and this site has seen version ${knownVersion}`;
  return [warning('RosterBehind', text, 'an old backup, or a store that the authority does not reach')];
}

function notVerified({ cluster, reason, message }: DumpedCluster): CheckFinding {
  const text = `what ${cluster} has there is not believed: ${message ?? ''} (${reason ?? ''})`;
  return problem(
    'ClusterNotVerified',
    text,
    `its last good stays in use; look at it: isthmus store dump --cluster ${cluster}`,
  );
}

function noMember({ cluster }: DumpedCluster): CheckFinding {
  return remark('NotAMember', `${cluster} has data there and is no member; nobody reads it`);
}

/** Twenty beats. */
const SILENT_S = 60;

function isSilent({ verified, ageSeconds }: DumpedCluster): boolean {
  return verified && ageSeconds !== undefined && ageSeconds >= SILENT_S;
}

function silent({ cluster, ageSeconds }: DumpedCluster): CheckFinding {
  return remark('Silent', `${cluster} has not been heard of for ${formatAge(ageSeconds) ?? ''}, by its own clock`);
}

/** Names of strangers cost nothing to make up. */
const FINDINGS_MAX = 20;

function atMost(findings: readonly CheckFinding[]): readonly CheckFinding[] {
  const [first] = findings;
  if (first === undefined || findings.length <= FINDINGS_MAX) return findings;
  const more = findings.length - FINDINGS_MAX;
  return [...findings.slice(0, FINDINGS_MAX), { ...first, message: `and ${more} more like these` }];
}
