/**
 * Order and weights of an HTTP service in Envoy's terms. Local, then one tier: weights, local far above all; each retry draws a
 * cluster not tried yet. Any other order: Envoy's `priority_group`, where group N serves attempt N, because three levels by
 * weights leak (4e9 : 3e6 : 1e6 : 1 sent 0.1 % past healthy local pods).
 */
import { create } from '@bufbuild/protobuf';
import type { RouteAction } from '../gen/envoy/config/route/v3/route_components_pb.ts';
import { RouteActionSchema } from '../gen/envoy/config/route/v3/route_components_pb.ts';
import { PriorityGroupClusterSpecifierSchema } from '../gen/envoy/extensions/router/cluster_specifiers/priority_group/v3/priority_group_pb.ts';
import type { EgressIR, WeightedPeer } from '../ir.ts';
import { localClusterName, peerClusterName } from '../naming.ts';
import { extension } from './messages.ts';
import { ATTEMPTS_PER_TIER, LOCAL_WEIGHT, RETRIES_MAX } from './settings.ts';

const PRIORITY_GROUP = 'envoy.router.cluster_specifier_plugin.priority_group';

export interface ChosenCluster {
  readonly name: string;
  readonly weight: number;
}

interface Group {
  readonly name: string;
  readonly clusters: readonly ChosenCluster[];
}

export function clusterChoice(egress: EgressIR): RouteAction['clusterSpecifier'] {
  return isTiered(egress) ? tiered(egress) : weighted(egress);
}

/** First try and retries together. */
export function attemptsOf(egress: EgressIR): number {
  return isTiered(egress) ? Math.max(groupsOf(egress).length, RETRIES_MAX + 1) : RETRIES_MAX + 1;
}

export function isTiered(egress: EgressIR): boolean {
  return egress.tiers.length > 1 || (egress.local.length > 0 && localAfter(egress) > 0);
}

/** Tiers that come before the own endpoints. */
export function localAfter(egress: EgressIR): number {
  return Math.min(egress.localAfter ?? 0, egress.tiers.length);
}

/** Of one tier at most, with local before it. */
export function weightedClusters(egress: EgressIR): readonly ChosenCluster[] {
  const local = egress.local.length === 0 ? [] : [localChoice(egress)];
  return [...local, ...(egress.tiers[0] ?? []).map(peerChoice)];
}

function weighted(egress: EgressIR): RouteAction['clusterSpecifier'] {
  const clusters = [...weightedClusters(egress)];
  return create(RouteActionSchema, { clusterSpecifier: { case: 'weightedClusters', value: { clusters } } })
    .clusterSpecifier;
}

function tiered(egress: EgressIR): RouteAction['clusterSpecifier'] {
  const priorityGroups = groupsOf(egress).map(({ name, clusters }) => ({
    name,
    clusters: clusters.map((cluster) => ({ clusterName: cluster.name, weight: cluster.weight })),
  }));
  return create(RouteActionSchema, {
    clusterSpecifier: {
      case: 'inlineClusterSpecifierPlugin',
      value: { extension: extension(PRIORITY_GROUP, PriorityGroupClusterSpecifierSchema, { priorityGroups }) },
    },
  }).clusterSpecifier;
}

/** Each tier a few times; what attempts are left go to further turns of the last tier, where nothing nearer is left. */
function groupsOf(egress: EgressIR): readonly Group[] {
  const groups: Group[] = [];
  const before = egress.local.length === 0 ? undefined : localAfter(egress);
  const addLocal = (index: number): void => {
    if (index === before) groups.push({ name: 'local', clusters: [localChoice(egress)] });
  };
  for (const [index, tier] of egress.tiers.entries()) {
    addLocal(index);
    const isLast = index === egress.tiers.length - 1;
    const spare = RETRIES_MAX + 1 - groups.length;
    const turns = isLast && before !== index + 1 ? Math.max(ATTEMPTS_PER_TIER, spare) : ATTEMPTS_PER_TIER;
    for (let turn = 0; turn < Math.min(turns, tier.length); turn++) {
      groups.push({ name: `tier-${index + 1}.${turn + 1}`, clusters: turned(tier, turn) });
    }
  }
  addLocal(egress.tiers.length);
  return groups;
}

/**
 * Envoy draws one random number per request and uses it for every attempt. So the weights stay where they are and the
 * clusters move on by one: whoever was sent to the first cluster before is sent to the second now.
 */
function turned(tier: readonly WeightedPeer[], turn: number): Group['clusters'] {
  return tier.map((member, index) => {
    const { cluster } = tier[(index + turn) % tier.length] ?? member;
    return peerChoice({ cluster, weight: member.weight });
  });
}

function localChoice(egress: EgressIR): ChosenCluster {
  return { name: localClusterName(egress.service), weight: LOCAL_WEIGHT };
}

function peerChoice(member: WeightedPeer): ChosenCluster {
  return { name: peerClusterName(member.cluster), weight: member.weight };
}
