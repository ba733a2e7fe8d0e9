import { z } from 'zod';
import type { FailoverOrder, FailoverPlace } from '../../../federation/model/failover-order.ts';
import { parseClusterId, parseNetworkId } from '../../../federation/model/ids.ts';
import { IsthmusError } from '../../../runtime/errors.ts';
import { withRules } from './cel-rule.ts';
import { apiVersion, KIND_LIMITS as LIMITS, label, NAMESPACED_METADATA, setOf } from './kind-fields.ts';

/** The kind `FailoverPolicy`: in which order callers of this cluster use the clusters that export a service. */
const PLACE = withRules(
  z.strictObject({
    cluster: label('cluster name').optional().describe('One cluster. Only so the own cluster is named.'),
    network: label('network').optional().describe('Every cluster of this network.'),
    region: label('region').optional().describe('Every cluster of this region.'),
  }),
  [
    {
      cel: '[has(self.cluster), has(self.network), has(self.region)].filter(given, given).size() == 1',
      holds: (place) => Object.values(place).filter((name) => name !== undefined).length === 1,
      message: 'exactly one of cluster, network and region is needed',
      reason: 'ContradictoryFields',
    },
  ],
);

const ORDER = withRules(
  z
    .array(PLACE)
    .min(1, { error: 'at least one place is needed' })
    .max(LIMITS.placesMax, { error: `at most ${LIMITS.placesMax} places are allowed` }),
  [
    {
      cel: 'self.all(place, self.exists_one(other, other == place))',
      holds: (places) => new Set(places.map(textOf)).size === places.length,
      message: 'spec.order names a place twice',
      reason: 'Duplicate',
    },
  ],
);

export const FAILOVER_POLICY_SPEC = z
  .strictObject({
    services: setOf('service name', LIMITS.servicesMax)
      .optional()
      .describe(
        'Services that it is about, by name. Absent: all of the namespace that have no policy which names them. Of several ' +
          'policies for one service the oldest holds.',
      ),
    order: ORDER.describe(
      'Where calls go: to the first place that can serve, to its clusters by their ready weight. The own endpoints come ' +
        'first unless the own cluster is named.',
    ),
    rest: z
      .enum(['allow', 'deny'])
      .default('allow')
      .describe('Clusters that are not named: after all that are, nearest first (`allow`), or never (`deny`).'),
  })
  .describe('The order.');

export const FAILOVER_POLICY_SCHEMA = z
  .strictObject({
    apiVersion: apiVersion(),
    kind: z.literal('FailoverPolicy'),
    metadata: NAMESPACED_METADATA,
    spec: FAILOVER_POLICY_SPEC,
  })
  .describe('Isthmus FailoverPolicy: in which order callers of this cluster use the clusters that export a service.');

export type FailoverPolicySpec = z.output<typeof FAILOVER_POLICY_SPEC>;

export function failoverOrderOf({ order, rest }: FailoverPolicySpec): FailoverOrder {
  return { places: order.map(placeOf), rest };
}

function placeOf({ cluster, network, region }: z.output<typeof PLACE>): FailoverPlace {
  if (cluster !== undefined) return { kind: 'cluster', cluster: parseClusterId(cluster) };
  if (network !== undefined) return { kind: 'network', network: parseNetworkId(network) };
  if (region !== undefined) return { kind: 'region', region };
  throw new IsthmusError('unreachable', 'a place without a name has passed its schema');
}

function textOf({ cluster, network, region }: z.output<typeof PLACE>): string {
  return JSON.stringify([cluster, network, region]);
}
