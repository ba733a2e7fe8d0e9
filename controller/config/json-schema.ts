import { z } from 'zod';
import { SERVICE_SCHEMA } from '../../sources/service-schema.ts';
import { SITE_SCHEMA } from './site-schema.ts';

/** JSON Schema of the file kinds, for editors: `# yaml-language-server: $schema=...`. Kept in docs/reference. */
export const SCHEMA_KINDS = ['site', 'service'] as const;
export type SchemaKind = (typeof SCHEMA_KINDS)[number];

export function schemaOf(kind: SchemaKind): object {
  return z.toJSONSchema(SCHEMAS[kind], { io: 'input' });
}

const SCHEMAS = { site: SITE_SCHEMA, service: SERVICE_SCHEMA };
