import type { Checked } from '../../trust/contract.ts';
import { errorText, IsthmusError } from '../../runtime/errors.ts';

/**
 * Canonical JSON as RFC 8785 defines it (keys in UTF-16 order, no white space, ECMAScript numbers and string escapes).
 * One value has exactly one form, so a decoder that re-encodes and compares refuses in one stroke what parsers let
 * through differently: duplicate keys, integers beyond 2^53, `1e999`, `-0`, a byte order mark.
 */
export const JSON_DEPTH_MAX = 8;

/** Codes: `TooDeep`, `NotCanonical`, `ForbiddenKey`. */
export class NotCanonicalError extends IsthmusError {}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const utf8 = new TextEncoder();

export function canonicalBytes(value: unknown): Uint8Array {
  return utf8.encode(canonicalJson(value));
}

/** Throws `NotCanonicalError` for what has no canonical form. Properties that are `undefined` are left out. */
export function canonicalJson(value: unknown): string {
  return write(value, 0);
}

/** Nothing for what is no UTF-8. A byte order mark is a character like any other. */
export function textOf(bytes: Uint8Array): string | undefined {
  try {
    return strictUtf8.decode(bytes);
  } catch {
    // `parseCanonical` says so.
    return undefined;
  }
}

/**
 * The value of bytes that `JSON.stringify` gives back as they are, or nothing. That is the canonical form whenever the keys
 * are in order and no text has a lone surrogate, which is for the caller to see to.
 */
export function parseAsWritten(bytes: Uint8Array): unknown {
  try {
    const text = strictUtf8.decode(bytes);
    const value: unknown = JSON.parse(text);
    return JSON.stringify(value) === text ? value : undefined;
  } catch {
    // `parseCanonical` says what is wrong with it.
    return undefined;
  }
}

/** Reads bytes that must be canonical JSON. Never throws. Reasons: `NotUtf8`, `NotJson`, `NotCanonical`, `TooDeep`, `ForbiddenKey`. */
export function parseCanonical(bytes: Uint8Array): Checked<unknown> {
  let text: string;
  try {
    text = strictUtf8.decode(bytes);
  } catch {
    return { ok: false, reason: 'NotUtf8', message: 'not valid UTF-8' };
  }
  try {
    // The parser of V8 keeps its own stack, so depth cannot overflow ours before `write` counts it.
    const value: unknown = JSON.parse(text);
    if (isSorted(value, 0) ? JSON.stringify(value) === text : write(value, 0) === text) return { ok: true, value };
    return { ok: false, reason: 'NotCanonical', message: 'not in canonical form (RFC 8785)' };
  } catch (error) {
    if (error instanceof NotCanonicalError) return { ok: false, reason: error.code, message: error.message };
    return { ok: false, reason: 'NotJson', message: `not JSON: ${errorText(error).slice(0, 200)}` };
  }
}

/**
 * True when every object lists its keys in order: then `JSON.stringify` already gives the canonical form, several times
 * faster than `write`. Refuses the same values as `write`.
 */
function isSorted(value: unknown, depth: number): boolean {
  checkDepth(depth);
  if (typeof value === 'string') return checkText(value);
  if (typeof value !== 'object' || value === null) return true;
  let sorted = true;
  if (Array.isArray(value)) {
    for (const item of value) sorted = isSorted(item, depth + 1) && sorted;
    return sorted;
  }
  let last = '';
  for (const [key, item] of Object.entries(value)) {
    checkKey(key);
    sorted = last <= key && isSorted(item, depth + 1) && sorted;
    last = key;
  }
  return sorted;
}

function checkDepth(depth: number): void {
  if (depth > JSON_DEPTH_MAX) throw new NotCanonicalError('TooDeep', `nested deeper than ${JSON_DEPTH_MAX} levels`);
}

function checkKey(key: string): void {
  checkText(key);
  // Own properties of this name are harmless here, but not in the hands of whoever copies the object.
  if (key === '__proto__') throw new NotCanonicalError('ForbiddenKey', 'a key named __proto__');
}

/** RFC 8785, 3.2.2.2: a lone surrogate has no UTF-8 form. */
function checkText(text: string): true {
  if (!text.isWellFormed()) throw new NotCanonicalError('NotCanonical', 'text with a lone surrogate');
  return true;
}

function write(value: unknown, depth: number): string {
  checkDepth(depth);
  if (typeof value === 'string') {
    checkText(value);
    return JSON.stringify(value);
  }
  if (typeof value === 'boolean' || value === null || Number.isFinite(value)) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map((item) => write(item, depth + 1)).join(',')}]`;
  if (typeof value === 'object') return writeObject(value, depth);
  throw new NotCanonicalError('NotCanonical', `a ${typeof value} that has no JSON form`);
}

function writeObject(value: object, depth: number): string {
  let text = '{';
  for (const [key, item] of Object.entries(value).sort(byKey)) {
    if (item === undefined) continue;
    checkKey(key);
    text += `${text.length > 1 ? ',' : ''}${JSON.stringify(key)}:${write(item, depth + 1)}`;
  }
  return `${text}}`;
}

function byKey(left: [string, unknown], right: [string, unknown]): number {
  return left[0] < right[0] ? -1 : 1;
}
