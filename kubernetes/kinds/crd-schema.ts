import { z } from 'zod';

/**
 * A zod schema as the structural OpenAPI schema of a CustomResourceDefinition (apiextensions.k8s.io/v1). The API server's
 * dialect is narrower than JSON Schema: every node has a type, nothing closes a map with known fields (the server prunes
 * unknown ones, or refuses them where the client asks for it), and there is no `const`.
 */
export interface StructuralSchema {
  readonly type: string;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, StructuralSchema>>;
  readonly items?: StructuralSchema;
  readonly additionalProperties?: StructuralSchema;
  readonly required?: readonly string[];
  readonly [keyword: string]: unknown;
}

/** What zod writes, as far as our schemas use it. */
interface JsonSchema {
  readonly type?: string;
  readonly const?: unknown;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly items?: JsonSchema;
  readonly additionalProperties?: JsonSchema | boolean;
  readonly required?: readonly string[];
  readonly [keyword: string]: unknown;
}

/** Taken over as they are. */
const KEPT = [
  'description',
  'enum',
  'default',
  'pattern',
  'minLength',
  'maxLength',
  'minimum',
  'maximum',
  'minItems',
  'maxItems',
  'maxProperties',
  'x-kubernetes-list-type',
  'x-kubernetes-list-map-keys',
  'x-kubernetes-validations',
];

export function structuralSchema(schema: z.ZodType): StructuralSchema {
  // zod types the payload more loosely than what it writes for the schemas of kinds.
  return structural(z.toJSONSchema(schema, { io: 'input' }) as JsonSchema);
}

function structural(node: JsonSchema): StructuralSchema {
  const { type, properties, items, additionalProperties, required } = node;
  return {
    type: type ?? 'string',
    ...Object.fromEntries(KEPT.filter((key) => node[key] !== undefined).map((key) => [key, node[key]])),
    ...formatOf(node),
    ...(node.const === undefined ? {} : { enum: [node.const] }),
    ...(properties === undefined ? {} : { properties: mapped(properties) }),
    ...(items === undefined ? {} : { items: structural(items) }),
    ...(typeof additionalProperties === 'object' ? { additionalProperties: structural(additionalProperties) } : {}),
    ...(required === undefined || required.length === 0 ? {} : { required }),
  };
}

/** Of the formats that both know; what zod writes beside them says the same once more. */
function formatOf({ type, format, maximum }: JsonSchema): Readonly<Record<string, unknown>> {
  if (type === 'integer')
    return { format: 'int64', maximum: maximum === Number.MAX_SAFE_INTEGER ? undefined : maximum };
  return format === 'date-time' ? { format, pattern: undefined } : {};
}

function mapped(properties: Readonly<Record<string, JsonSchema>>): Readonly<Record<string, StructuralSchema>> {
  return Object.fromEntries(Object.entries(properties).map(([name, field]) => [name, structural(field)]));
}
