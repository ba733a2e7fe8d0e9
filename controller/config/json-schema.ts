import { z } from 'zod';
import { CLUSTER_SET_SCHEMA } from '../../sources/documents/kinds/cluster-set.ts';
import { EXPORT_GRANT_SCHEMA } from '../../sources/documents/kinds/export-grant.ts';
import { FAILOVER_POLICY_SCHEMA } from '../../sources/documents/kinds/failover-policy.ts';
import { SERVICE_SCHEMA } from '../../sources/service-schema.ts';
import { SITE_SCHEMA } from './site-schema.ts';

/** JSON Schema of the file kinds, for editors: `# yaml-language-server: $schema=...`. Kept in docs/reference. */
export const SCHEMA_KINDS = ['site', 'service', 'export-grant', 'failover-policy', 'cluster-set'] as const;
export type SchemaKind = (typeof SCHEMA_KINDS)[number];

export function schemaOf(kind: SchemaKind): object {
  return z.toJSONSchema(SCHEMAS[kind], { io: 'input' });
}

const SCHEMAS: Readonly<Record<SchemaKind, z.ZodType>> = {
  site: SITE_SCHEMA,
  service: SERVICE_SCHEMA,
  'export-grant': EXPORT_GRANT_SCHEMA,
  'failover-policy': FAILOVER_POLICY_SCHEMA,
  'cluster-set': CLUSTER_SET_SCHEMA,
};
