import { z } from 'zod';
import { apiVersion, KIND_LIMITS as LIMITS, label, mapBy, NAMESPACED_METADATA, setOf } from './kind-fields.ts';

/** The kind `ExportGrant`: which clusters may call exports of its namespace. */
const GRANTEE = z.strictObject({
  cluster: label('cluster name').describe('Name of a cluster of the clusterset.'),
  namespaces: z
    .array(label('namespace'))
    .min(1)
    .max(LIMITS.namespacesMax)
    .optional()
    .describe('Not supported yet: a grant that has it grants nothing.'),
  identities: z
    .array(z.string().min(1).max(LIMITS.identityCharsMax))
    .min(1)
    .max(LIMITS.identitiesMax)
    .optional()
    .describe('Not supported yet: a grant that has it grants nothing.'),
});

export const EXPORT_GRANT_SPEC = z
  .strictObject({
    services: setOf('service name', LIMITS.servicesMax)
      .optional()
      .describe('Exports of the namespace that it is about, by the names of their Services. Absent: all of them.'),
    to: mapBy(GRANTEE, 'cluster', LIMITS.clustersMax).describe(
      'Who may call them. Several grants for one export add up; an export that no grant names is open to all members.',
    ),
  })
  .describe('What is granted.');

export const EXPORT_GRANT_SCHEMA = z
  .strictObject({
    apiVersion: apiVersion(),
    kind: z.literal('ExportGrant'),
    metadata: NAMESPACED_METADATA,
    spec: EXPORT_GRANT_SPEC,
  })
  .describe(
    'Isthmus ExportGrant: which clusters may call exports of this namespace. Kept by the gateways of this cluster.',
  );

export type ExportGrantSpec = z.output<typeof EXPORT_GRANT_SPEC>;
