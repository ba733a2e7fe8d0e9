import { type CheckFinding, problem, remark, warning } from '../check-finding.ts';
import type { LatencyFacts, RedisFacts, RightFacts, SentinelFacts } from './check-facts.ts';
import { checkNode } from './check-node.ts';

/**
 * What is wrong with a Redis or Valkey store, and what to do: a function of what was found out. Errors are what loses
 * data, lets a stranger write, or will fail; warnings what will be missed one day.
 */
export function checkRedis(facts: RedisFacts): readonly CheckFinding[] {
  const ofNodes = checkNodes(facts);
  return [
    ...checkAccess(facts),
    ...checkTransport(facts),
    ...ofNodes,
    ...checkWrite(facts, ofNodes),
    ...checkCluster(facts),
    ...checkSentinel(facts.sentinel),
    ...checkLatency(facts.latency),
  ];
}

/** What is the same with several servers is said once. */
function checkNodes({ nodes, mode }: RedisFacts): readonly CheckFinding[] {
  const alike = new Map<string, { readonly finding: CheckFinding; readonly others: string[] }>();
  for (const node of nodes) {
    for (const finding of checkNode(node, mode)) {
      const first = alike.get(finding.reason);
      if (first === undefined) alike.set(finding.reason, { finding, others: [] });
      else first.others.push(node.place);
    }
  }
  return [...alike.values()].map(({ finding, others }) =>
    others.length === 0 ? finding : { ...finding, message: `${finding.message}; so with ${others.join(', ')}` },
  );
}

/** Everybody can know that a server is there; what a login is worth must be known from trying. */
const ACL_HINT = 'print the rules with `isthmus store acl`, and let each cluster use a login of its own';

function checkAccess({ rights, user, cluster, isAuthority }: RedisFacts): readonly CheckFinding[] {
  const findings: CheckFinding[] = [];
  const name = JSON.stringify(user);
  if (rights.readRoster === 'refused' || rights.readOthers === 'refused') {
    const message = `the login ${name} may not read what the clusters publish`;
    findings.push(problem('ReadDenied', message, `is it of another clusterset? ${ACL_HINT}`));
  }
  if (rights.writeOwn === 'refused') {
    const message = `the login ${name} may not write what cluster ${cluster ?? ''} publishes`;
    findings.push(problem('WriteDenied', message, `does it belong to another cluster? ${ACL_HINT}`));
  }
  if (isAuthority && rights.writeRoster === 'refused') {
    const message = `this site is the authority, and the login ${name} may not write the roster`;
    findings.push(problem('RosterWriteDenied', message, 'name the authority: isthmus store acl --authority NAME'));
  }
  return [...findings, ...checkExcess(rights, { name, isAuthority }), ...checkAnonymous(rights)];
}

interface Excess {
  readonly name: string;
  readonly isAuthority: boolean;
}

/** Readers believe nothing that is not signed, so what a login can do too much is to delete, delay and disturb. */
function checkExcess(rights: RightFacts, { name, isAuthority }: Excess): readonly CheckFinding[] {
  const tooMuch = [
    rights.writeOthers === 'granted' ? "write and delete other clusters' data" : '',
    rights.writeRoster === 'granted' && !isAuthority ? 'write the roster' : '',
    rights.readJoins === 'granted' && !isAuthority ? 'look into join requests' : '',
    rights.scripting === 'granted' ? 'run scripts in the server' : '',
    rights.flush === 'granted' ? 'delete everything (FLUSHALL)' : '',
    rights.configuration === 'granted' ? 'change the configuration of the server' : '',
  ].filter((text) => text !== '');
  if (tooMuch.length === 0) return [];
  return [problem('AclMissing', `the login ${name} may do more than it needs: ${tooMuch.join(', ')}`, ACL_HINT)];
}

function checkAnonymous({ anonymous }: RightFacts): readonly CheckFinding[] {
  if (anonymous !== 'granted') return [];
  const message = 'whoever reaches the server may write without a login: its user "default" is open';
  return [
    problem('DefaultUserOpen', message, 'make a user for administration, then close it: ACL SETUSER default off'),
  ];
}

function checkTransport({ isTls, isLoopback }: RedisFacts): readonly CheckFinding[] {
  if (isTls || isLoopback) return [];
  const message = 'the connection is not encrypted: logins and the names of services can be read on the way';
  return [warning('TlsOff', message, 'use rediss:// with ca=FILE (docs/guides/redis.md)')];
}

/** A write fails for what one of the servers was just found to be: said once. */
const EXPLAINED: Readonly<Record<string, readonly string[]>> = {
  OOM: ['MemoryFull'],
  MISCONF: ['DiskFailing'],
  READONLY: ['IsReplica'],
};

function checkWrite({ writeProblem }: RedisFacts, found: readonly CheckFinding[]): readonly CheckFinding[] {
  if (writeProblem === undefined) return [];
  const [code = ''] = writeProblem.split(' ', 1);
  const explaining = EXPLAINED[code] ?? [];
  if (found.some(({ reason, severity }) => severity === 'error' && explaining.includes(reason))) return [];
  const message = `a write that is allowed failed: ${writeProblem.slice(0, 160).replace(/\.$/, '')}`;
  return [problem('WriteFails', message, 'look at the log of the server')];
}

const CLUSTER_SLOTS = 16_384;

function checkCluster({ clusterState }: RedisFacts): readonly CheckFinding[] {
  if (clusterState === undefined) return [];
  const { state, slotsAssigned, slotsFailing } = clusterState;
  if (state === 'ok' && slotsAssigned === CLUSTER_SLOTS && slotsFailing === 0) return [];
  const message = `the Redis Cluster is ${state}: ${slotsAssigned} of ${CLUSTER_SLOTS} slots assigned, ${slotsFailing} failing`;
  return [problem('ClusterDown', message, 'look at CLUSTER NODES: clusters whose slots are lost cannot publish')];
}

/** Two cannot agree on anything when one of them is away. */
const SENTINELS_MIN = 3;

function checkSentinel(sentinel: SentinelFacts | undefined): readonly CheckFinding[] {
  if (sentinel === undefined) return [];
  const { sentinels, quorum, replicas } = sentinel;
  const findings: CheckFinding[] = [];
  if (sentinels < quorum) {
    const message = `${sentinels} Sentinels know of each other, and their quorum is ${quorum}: there will be no failover`;
    findings.push(problem('SentinelNoQuorum', message, 'start the missing Sentinels, or correct the quorum'));
  } else if (sentinels < SENTINELS_MIN) {
    const message = `${sentinels} Sentinels cannot outvote one that is away`;
    findings.push(warning('SentinelsFew', message, `run at least ${SENTINELS_MIN}, on different machines`));
  }
  if (replicas === 0) {
    findings.push(problem('SentinelNoReplica', 'there is no replica to fail over to', 'add one: REPLICAOF'));
  }
  return findings;
}

/** A command is given 2 s; a server that takes a quarter of it on a quiet day will not keep it on a busy one. */
const SLOW_P99_MS = 500;
/** News cannot be quicker than the store. */
const SLOW_P50_MS = 50;

function checkLatency({ pingP50Ms, pingP99Ms, transactionP99Ms }: LatencyFacts): readonly CheckFinding[] {
  const worstMs = Math.max(pingP99Ms, transactionP99Ms ?? 0);
  if (worstMs >= SLOW_P99_MS) {
    const message = `one call in a hundred takes ${Math.round(worstMs)} ms, and a call fails after 2,000 ms`;
    return [warning('Slow', message, 'look for slow commands (SLOWLOG), swapping, or a long way')];
  }
  if (pingP50Ms < SLOW_P50_MS) return [];
  const message = `a round trip takes ${Math.round(pingP50Ms)} ms: changes reach other clusters that much later`;
  return [remark('FarAway', message)];
}
