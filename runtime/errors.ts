/**
 * Every error of ours is a class with a stable `code`, the variable parts as `fields` (so that logs can be searched)
 * and, where the reader can do something, a `hint`. Messages start lower case and carry no full stop.
 */
export interface ErrorDetails {
  readonly fields?: Readonly<Record<string, unknown>>;
  readonly hint?: string;
  readonly cause?: unknown;
}

export class IsthmusError extends Error {
  readonly code: string;
  readonly fields: Readonly<Record<string, unknown>>;
  readonly hint: string | undefined;

  constructor(code: string, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = new.target.name;
    this.code = code;
    this.fields = details.fields ?? {};
    this.hint = details.hint;
  }
}

/** One thing that is wrong with an input: where, what, and what to do. The same value feeds CLI, log and status. */
export interface Finding {
  readonly severity: 'error' | 'warning';
  /** Stable CamelCase word, e.g. `UnknownField`. */
  readonly reason: string;
  readonly message: string;
  readonly file?: string;
  readonly line?: number;
  /** Path of the field, e.g. `spec.gateways[0].port`. */
  readonly field?: string;
  readonly hint?: string;
}

/** Input that cannot be used. Carries every finding, not just the first. CLI exit code 2. */
export class InvalidInputError extends IsthmusError {
  readonly findings: readonly Finding[];

  constructor(what: string, findings: readonly Finding[]) {
    super('invalid-input', `${what}: ${findings.length === 1 ? '1 problem' : `${findings.length} problems`}`);
    this.findings = findings;
  }
}

export function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

export function assertNever(value: never): never {
  throw new IsthmusError('unreachable', `unexpected value ${JSON.stringify(value)}`);
}
