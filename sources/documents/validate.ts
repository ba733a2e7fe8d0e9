import { z } from 'zod';
import { assertNever, type Finding } from '../../runtime/errors.ts';
import { nearest } from './nearest.ts';
import { type FieldPath, formatPath, type SourceDocument } from './parse.ts';

/**
 * A document against its schema. Every problem becomes a finding with file, line and field; a schema's issue is turned
 * into a sentence for the person who wrote the file, with the nearest known word where one was mistyped.
 */
export const API_VERSION = 'isthmus.dev/v1alpha1';

/** Where a value came from when not from the document's own text: an environment variable or a flag. */
export interface Origin {
  readonly file: string;
  readonly field: string;
}

export type OriginOf = (path: FieldPath) => Origin | undefined;

export type Validated<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly findings: readonly Finding[] };

export function validate<Schema extends z.ZodType>(
  schema: Schema,
  document: SourceDocument,
  originOf: OriginOf = () => undefined,
): Validated<z.output<Schema>> {
  const result = schema.safeParse(document.value, { reportInput: true });
  if (result.success) return { ok: true, value: result.data };
  const jsonSchema = inputSchema(schema);
  const findings = result.error.issues.flatMap((issue) => explain(issue, document, jsonSchema, originOf));
  return { ok: false, findings: findings.toSorted((left, right) => (left.line ?? 0) - (right.line ?? 0)) };
}

/** Builds the finding for a field of a document. */
export function findingAt(
  document: SourceDocument,
  path: FieldPath,
  what: Pick<Finding, 'reason' | 'message'> & Partial<Pick<Finding, 'hint' | 'severity'>>,
  originOf: OriginOf = () => undefined,
): Finding {
  const origin = originOf(path);
  const field = origin?.field ?? formatPath(path);
  return {
    severity: what.severity ?? 'error',
    reason: what.reason,
    message: what.message,
    file: origin?.file ?? document.file,
    ...(origin === undefined ? { line: document.lineOf(path) } : {}),
    ...(field === '' ? {} : { field }),
    ...(what.hint === undefined ? {} : { hint: what.hint }),
  };
}

function explain(issue: z.core.$ZodIssue, document: SourceDocument, schema: JsonSchema, originOf: OriginOf): Finding[] {
  // Symbols never occur: documents have string keys and list indexes only.
  const path = issue.path as FieldPath;
  const at = (reason: string, message: string, hint?: string): Finding =>
    findingAt(document, path, { reason, message, ...(hint === undefined ? {} : { hint }) }, originOf);
  switch (issue.code) {
    case 'unrecognized_keys': {
      const known = fieldsAt(schema, path);
      return issue.keys.map((key) => {
        const meant = nearest(key, known);
        const hint = meant === undefined ? `known fields: ${known.join(', ')}` : `did you mean "${meant}"?`;
        const message = `unknown field ${JSON.stringify(key.slice(0, 80))}`;
        return findingAt(document, [...path, key], { reason: 'UnknownField', message, hint }, originOf);
      });
    }
    case 'invalid_type': {
      if (issue.input === undefined) return [at('MissingField', 'the field is required')];
      const wanted = article(issue.expected);
      return [at('WrongType', ownMessage(issue) ?? `expected ${wanted}, got ${describe(issue.input)}`)];
    }
    case 'invalid_value': {
      if (issue.input === undefined) return [at('MissingField', 'the field is required')];
      const words = issue.values.map(String);
      const meant = typeof issue.input === 'string' ? nearest(issue.input, words) : undefined;
      const message = `${describe(issue.input)} is not ${words.length === 1 ? '' : 'one of '}${words.join(', ')}`;
      return [at('InvalidValue', message, meant === undefined ? undefined : `did you mean "${meant}"?`)];
    }
    case 'invalid_key':
      return [at('InvalidName', issue.issues[0]?.message ?? 'the key is not allowed here')];
    case 'custom': {
      const { reason, hint } = customParams(issue.params);
      return [at(reason ?? 'InvalidValue', issue.message, hint)];
    }
    case 'too_big':
    case 'too_small':
    case 'invalid_format':
    case 'not_multiple_of':
    case 'invalid_union':
    case 'invalid_element':
      return [at('InvalidValue', lowerFirst(issue.message))];
    default:
      return assertNever(issue);
  }
}

function customParams(params: Record<string, unknown> | undefined): { reason?: string; hint?: string } {
  const reason = params?.['reason'];
  const hint = params?.['hint'];
  return {
    ...(typeof reason === 'string' ? { reason } : {}),
    ...(typeof hint === 'string' ? { hint } : {}),
  };
}

/** Messages written by us start lower case; those of the library start `Invalid input` and are replaced. */
function ownMessage(issue: z.core.$ZodIssue): string | undefined {
  return issue.message.startsWith('Invalid') ? undefined : issue.message;
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

const TYPE_WORDS: Readonly<Record<string, string>> = {
  object: 'a map',
  record: 'a map',
  array: 'a list',
  int: 'a whole number',
  number: 'a number',
  string: 'text',
  boolean: 'true or false',
};

function article(type: string): string {
  return TYPE_WORDS[type] ?? type;
}

const SHOWN_LENGTH_MAX = 60;

export function describe(value: unknown): string {
  if (value === null) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a map';
  if (typeof value === 'string') return `the text ${JSON.stringify(value.slice(0, SHOWN_LENGTH_MAX))}`;
  return typeof value === 'number' ? `the number ${value}` : (JSON.stringify(value) ?? 'nothing');
}

/** The part of JSON Schema that is needed to tell which fields are known at a path. */
interface JsonSchema {
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly items?: JsonSchema;
  readonly additionalProperties?: JsonSchema | boolean;
}

const inputSchemas = new WeakMap<z.ZodType, JsonSchema>();

function inputSchema(schema: z.ZodType): JsonSchema {
  const made =
    inputSchemas.get(schema) ?? (z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as JsonSchema);
  inputSchemas.set(schema, made);
  return made;
}

function fieldsAt(schema: JsonSchema, path: FieldPath): string[] {
  let here: JsonSchema | undefined = schema;
  for (const step of path) {
    here = here === undefined ? undefined : fieldOf(here, step);
  }
  return Object.keys(here?.properties ?? {});
}

function fieldOf(schema: JsonSchema, step: string | number): JsonSchema | undefined {
  if (typeof step === 'number') return schema.items;
  const other = schema.additionalProperties;
  return schema.properties?.[step] ?? (typeof other === 'object' ? other : undefined);
}
