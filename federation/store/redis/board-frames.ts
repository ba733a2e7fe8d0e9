import type { StoredRoster } from '../contract.ts';
import { STORE_LIMITS } from '../contract.ts';
import type { LeaseEntry } from '../lease-rules.ts';
import { parseJson } from './head-frame.ts';

/** The values of the boards: roster and leases. What cannot be read is not ours, and is answered with undefined. */
const LINE_FEED = 0x0a;
/** 2^53 - 1 has sixteen digits. */
const VERSION_LINE_BYTES_MAX = 17;
export const ROSTER_FRAME_BYTES_MAX = STORE_LIMITS.rosterBytesMax + VERSION_LINE_BYTES_MAX;
/** Names of at most 512 octets, of which JSON may write each as six. */
export const LEASE_FRAME_BYTES_MAX = STORE_LIMITS.nameBytesMax * 6 + 256;

/** `VERSION\n`, then the octets. */
export function encodeRoster({ version, bytes }: StoredRoster): Buffer {
  return Buffer.concat([Buffer.from(`${version}\n`), bytes]);
}

export function decodeRoster(frame: Buffer): StoredRoster | undefined {
  const version = decodeRosterVersion(frame);
  if (version === undefined || frame.byteLength > ROSTER_FRAME_BYTES_MAX) return undefined;
  return { version, bytes: frame.subarray(frame.indexOf(LINE_FEED) + 1) };
}

/** @param frame its beginning is enough: `ROSTER_VERSION_BYTES` octets */
export function decodeRosterVersion(frame: Buffer): number | undefined {
  const text = frame.toString('latin1', 0, VERSION_LINE_BYTES_MAX);
  const digits = /^(0|[1-9][0-9]{0,15})\n/.exec(text)?.[1];
  const version = Number(digits ?? Number.NaN);
  return Number.isSafeInteger(version) ? version : undefined;
}

export const ROSTER_VERSION_BYTES = VERSION_LINE_BYTES_MAX;

export function encodeLease({ holder, transitions, expiresAtMs }: LeaseEntry): string {
  return JSON.stringify({ holder, transitions, expiresAtMs });
}

export function decodeLease(frame: Buffer): LeaseEntry | undefined {
  const parsed = frame.byteLength <= LEASE_FRAME_BYTES_MAX ? parseJson(frame.toString('utf8')) : undefined;
  if (typeof parsed !== 'object' || parsed === null) return undefined;
  const { holder, transitions, expiresAtMs } = parsed as Readonly<Record<string, unknown>>; // any object
  const isCount = Number.isSafeInteger(transitions) && Number(transitions) >= 0;
  if (typeof holder !== 'string' || !isCount || !Number.isFinite(expiresAtMs)) return undefined;
  return { holder, transitions: Number(transitions), expiresAtMs: Number(expiresAtMs) };
}
