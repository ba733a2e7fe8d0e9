import type { z } from 'zod';
import type { Finding } from '../../../runtime/errors.ts';
import { validate } from '../validate.ts';

/** The spec of an object that did not come from a file against the schema of its kind. */
export type ReadSpec<T> =
  | { readonly ok: true; readonly value: T }
  /** Names the fields, for a condition. */
  | { readonly ok: false; readonly message: string };

/** A condition is read by people: the first problems are enough to go on with. */
const PROBLEMS_SHOWN_MAX = 3;

export function readSpec<Schema extends z.ZodType>(schema: Schema, spec: unknown): ReadSpec<z.output<Schema>> {
  const result = validate(schema, { file: '', line: 1, value: spec, lineOf: () => 1 });
  return result.ok ? result : { ok: false, message: textOf(result.findings) };
}

function textOf(findings: readonly Finding[]): string {
  const shown = findings
    .slice(0, PROBLEMS_SHOWN_MAX)
    .map(({ field, message }) => `${field === undefined ? 'spec' : `spec.${field}`}: ${message}`);
  const more = findings.length - shown.length;
  return [...shown, ...(more > 0 ? [`${more} more`] : [])].join('; ');
}
