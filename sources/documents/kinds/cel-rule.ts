import type { z } from 'zod';

/**
 * A rule over several fields of a value, said once in the two languages that must agree: TypeScript for files and for what
 * an API server stored long ago, CEL for the API server (`x-kubernetes-validations`, Kubernetes 1.30 or later).
 */
export interface CelRule<T> {
  /** CEL over `self`. The server limits its estimated cost, so every list and text below has a limit. */
  readonly cel: string;
  readonly holds: (value: T) => boolean;
  /** What is wrong where it does not hold; names the field. */
  readonly message: string;
  /** Of the finding. */
  readonly reason: string;
}

export const CEL_RULES_KEY = 'x-kubernetes-validations';

interface ServerRule {
  readonly rule: string;
  readonly message: string;
}

export function withRules<Schema extends z.ZodType>(
  schema: Schema,
  rules: readonly CelRule<z.output<Schema>>[],
): Schema {
  const refined = rules.reduce<Schema>(
    (inner, { holds, message, reason }) => inner.refine(holds, { error: message, params: { reason } }),
    schema,
  );
  const server: readonly ServerRule[] = rules.map(({ cel, message }) => ({ rule: cel, message }));
  return refined.meta({ [CEL_RULES_KEY]: server });
}
