import { z } from 'zod';
import { isInRange, parseAddress, parseCidr } from '../../federation/model/cidr.ts';
import { isDnsLabel, isDnsName } from '../../federation/model/ids.ts';

/**
 * The pieces that document schemas are made of. Each says in one line what it expects, and carries its pattern into the
 * JSON Schema that editors read.
 */
interface TextRule {
  readonly reason: string;
  /** Completes "the value ...", e.g. `is not a DNS label`. */
  readonly problem: string;
  readonly hint?: string;
  /** Instead of `expected text, got ...`. */
  readonly typeError?: string;
  readonly meta?: Readonly<Record<string, unknown>>;
}

/** Any text of ours is shorter; what is longer is not looked at further. */
const TEXT_LENGTH_MAX = 4096;

function text(accepts: (value: string) => boolean, rule: TextRule) {
  const params = { reason: rule.reason, ...(rule.hint === undefined ? {} : { hint: rule.hint }) };
  const error = (issue: { input: unknown }): string =>
    `${JSON.stringify(String(issue.input).slice(0, 80))} ${rule.problem}`;
  return z
    .string({ error: (issue) => (issue.input === undefined ? undefined : rule.typeError) })
    .refine((value) => value.length <= TEXT_LENGTH_MAX && accepts(value), { error, params })
    .meta({ ...rule.meta });
}

export function dnsLabel(what: string) {
  return text(isDnsLabel, {
    reason: 'InvalidName',
    problem: `is not a DNS label, as a ${what} must be`,
    hint: 'use 1 to 63 lower-case letters, digits and inner dashes',
    meta: { pattern: '^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$' },
  });
}

export function dnsName(what: string) {
  return text(isDnsName, {
    reason: 'InvalidName',
    problem: `is not a DNS name, as a ${what} must be`,
    hint: 'use lower-case labels of letters, digits and inner dashes with dots between them, e.g. prod.example.org',
    meta: { format: 'hostname' },
  });
}

export function ipAddress() {
  return text((value) => parseAddress(value) !== undefined, {
    reason: 'InvalidAddress',
    problem: 'is not an IP address',
  });
}

export function hostOrAddress() {
  return text((value) => parseAddress(value) !== undefined || (isDnsName(value) && !looksNumeric(value)), {
    reason: 'InvalidAddress',
    problem: 'is neither an IP address nor a DNS name',
  });
}

/** `10.1.2` or `999.1.1.1` are DNS names by their letters, but nobody means one. */
function looksNumeric(value: string): boolean {
  return /^[0-9.]+$/.test(value);
}

export function cidr() {
  return text((value) => cidrProblem(value) === undefined, {
    reason: 'InvalidCIDR',
    problem: 'is not an address range',
    hint: 'write the network address (no host bits) and the prefix length, e.g. 10.0.0.0/16',
  });
}

/** Why `value` is no range, or undefined. Host bits must be zero: `10.0.0.1/16` is a slip more often than a wish. */
export function cidrProblem(value: string): string | undefined {
  const range = parseCidr(value);
  if (!range.ok) return range.message;
  const { address, prefixLength } = range.value;
  const bytes = address.toByteArray();
  const hasHostBits = bytes.some((byte, index) => {
    const hostBits = Math.min(8, Math.max(0, (index + 1) * 8 - prefixLength));
    return (byte & (2 ** hostBits - 1)) !== 0;
  });
  return hasHostBits ? 'has host bits' : undefined;
}

/** True when one range lies in the other. Both are valid; ranges of different families never overlap. */
export function cidrsOverlap(left: string, right: string): boolean {
  const [first, second] = [parseCidr(left), parseCidr(right)];
  if (!first.ok || !second.ok) return false;
  const [wider, narrower] =
    first.value.prefixLength < second.value.prefixLength ? [first.value, second.value] : [second.value, first.value];
  return isInRange(narrower.address, wider);
}

export function port() {
  const error = 'a port is a whole number from 1 to 65535';
  return z
    .int({ error: (issue) => (typeof issue.input === 'number' ? error : undefined) })
    .min(1, { error })
    .max(65_535, { error });
}

const DURATION_UNITS_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const DURATION = /^([0-9]{1,9}(ms|s|m|h|d))+$/;

/** Milliseconds of `30s`, `1500ms`, `1h30m`; undefined when it is no duration. */
export function parseDurationMs(value: string): number | undefined {
  if (!DURATION.test(value)) return undefined;
  let total = 0;
  for (const [, amount = '0', unit = 'ms'] of value.matchAll(/([0-9]+)(ms|s|m|h|d)/g)) {
    // The pattern lets no other unit through.
    total += Number(amount) * DURATION_UNITS_MS[unit as keyof typeof DURATION_UNITS_MS];
  }
  return total;
}

/** The shortest text that `parseDurationMs` reads back: `90000` becomes `90s`. */
export function formatDurationMs(amountMs: number): string {
  for (const unit of ['h', 'm', 's'] as const) {
    const unitMs = DURATION_UNITS_MS[unit];
    const small = unit === 'h' ? 1 : 2;
    if (amountMs >= unitMs * small && amountMs % unitMs === 0) return `${amountMs / unitMs}${unit}`;
  }
  return amountMs % 1_000 === 0 && amountMs > 0 ? `${amountMs / 1_000}s` : `${amountMs}ms`;
}

/** A duration within bounds, given and defaulted as text, parsed to milliseconds. */
export function durationMs(bounds: { readonly min: string; readonly max: string }) {
  const minMs = parseDurationMs(bounds.min) ?? 0;
  const maxMs = parseDurationMs(bounds.max) ?? Number.POSITIVE_INFINITY;
  const accepts = (value: string): boolean => {
    const parsed = parseDurationMs(value);
    return parsed !== undefined && parsed >= minMs && parsed <= maxMs;
  };
  return text(accepts, {
    reason: 'InvalidDuration',
    problem: `is not a duration from ${bounds.min} to ${bounds.max}`,
    hint: 'write a whole number with a unit, e.g. 30s, 1500ms or 24h',
    typeError: 'a duration is text with a unit, e.g. 30s, 1500ms or 24h',
    meta: { pattern: DURATION.source },
  }).transform((value) => parseDurationMs(value) ?? minMs);
}
