import type { Checked } from './contract.ts';

/** The two ways a check ends. A refusal is a value with a reason, because status, events and the CLI print it alike. */
export type Refused = Extract<Checked<never>, { readonly ok: false }>;

export function accepted<T>(value: T): Checked<T> {
  return { ok: true, value };
}

/** `reason` is a stable CamelCase word, `message` is for people: lower case, no full stop. */
export function refused(reason: string, message: string): Refused {
  return { ok: false, reason, message };
}
