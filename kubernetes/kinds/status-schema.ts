import { z } from 'zod';

/**
 * What we tell of objects of our kinds in their `status`. Written by the controller that leads, read by people and by
 * `kubectl wait`; nothing of ours reads it back.
 */
export const STATUS_LIMITS = {
  conditionsMax: 16,
  messageCharsMax: 2_048,
  addressesMax: 64,
  textCharsMax: 253,
} as const;

const count = (what: string) => z.int().min(0).max(Number.MAX_SAFE_INTEGER).describe(what);
const text = (what: string) => z.string().max(STATUS_LIMITS.textCharsMax).describe(what);

/** meta/v1 Condition. */
const CONDITION = z.strictObject({
  type: z.string().min(1).max(316).describe('What it is about.'),
  status: z.enum(['True', 'False', 'Unknown']).describe('Whether it is so.'),
  reason: z.string().min(1).max(1_024).describe('Why, in one CamelCase word.'),
  message: z.string().max(32_768).describe('Why, for people.'),
  lastTransitionTime: z.iso.datetime().describe('When `status` changed last.'),
  observedGeneration: z.int().min(0).max(Number.MAX_SAFE_INTEGER).optional().describe('Of the spec it speaks of.'),
});

const CONDITIONS = z
  .array(CONDITION)
  .max(STATUS_LIMITS.conditionsMax)
  .optional()
  .describe('At most one of a type.')
  .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['type'] });

export const CLUSTER_SET_STATUS = z
  .strictObject({
    clusterset: text('DNS name of the clusterset.').optional(),
    cluster: text('Name of this cluster in it.').optional(),
    roster: count('Version of the list of members that is in force here.').optional(),
    members: z
      .strictObject({
        active: count('Members, this cluster included.'),
        quarantined: count('Cut off by the authority.'),
        removed: count('Removed, or gone by their own goodbye.'),
        live: count('Other members that are heard and reached.'),
      })
      .optional()
      .describe('Members by what is known of them.'),
    services: z
      .strictObject({
        exported: count('Services of this cluster that others may see.'),
        imported: count('Services of the clusterset that are known here.'),
      })
      .optional()
      .describe('Services by where they go.'),
    conditions: CONDITIONS,
  })
  .describe('The clusterset as this cluster sees it.');

export const PEER_STATUS = z
  .strictObject({
    verdict: z
      .enum(['Live', 'Stale', 'Unreachable', 'Gone', 'Quarantined', 'Unknown'])
      .optional()
      .describe('Whether it is heard (its head is fresh) and reached (its gateways answer).'),
    network: text('Its network.').optional(),
    region: text('Its region.').optional(),
    zone: text('Its zone.').optional(),
    softwareVersion: text('Of its controller.').optional(),
    gateways: z
      .array(text('`HOST:PORT`.'))
      .max(STATUS_LIMITS.addressesMax)
      .optional()
      .describe('Where its gateways are reached.')
      .meta({ 'x-kubernetes-list-type': 'atomic' }),
    gatewayCount: count('How many gateways it has.').optional(),
    services: count('Services that it exports.').optional(),
    head: z
      .strictObject({
        incarnation: count('Life of the cluster since it last joined.'),
        epoch: count('Number of the writer, which grows with each change of leader.'),
      })
      .optional()
      .describe('Who wrote the newest signed summary that was accepted of it. Its version would change all the time.'),
    since: z.iso.datetime().optional().describe('When the verdict began, as far as known.'),
    conditions: CONDITIONS,
  })
  .describe('One other cluster as this one sees it.');

export const EXPORT_GRANT_STATUS = z
  .strictObject({
    clusters: count('Clusters that it names and that may call.').optional(),
    exports: count('Exports that it is about now.').optional(),
    conditions: CONDITIONS,
  })
  .describe('What became of the grant.');

export const FAILOVER_POLICY_STATUS = z
  .strictObject({
    services: count('Services of the clusterset that it decides now.').optional(),
    conditions: CONDITIONS,
  })
  .describe('What became of the policy.');
