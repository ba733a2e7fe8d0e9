import { isIP } from 'node:net';
import type { Finding } from '../../../runtime/errors.ts';
import { InvalidInputError } from '../../../runtime/errors.ts';
import { isDnsName } from '../../model/ids.ts';

/**
 * Where a store server is and which key it must show: `isthmus://HOST:PORT?pin=sha256:HEX[&pin=...][&claim=SECRET]`.
 * The pin makes the address all that a client needs to know; no CA and no host name check are involved.
 */
export interface StoreAddress {
  /** DNS name or IP address, IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
  /** Hex sha256 of the server key's SPKI; more than one while the key is being replaced. */
  readonly pins: readonly string[];
  /** Held by whoever set the server up, for its first use. A secret. */
  readonly claim?: string | undefined;
}

export const DEFAULT_STORE_PORT = 15_090;
const SCHEME = 'isthmus:';
const PIN_PREFIX = 'sha256:';
const ADDRESS_CHARACTERS_MAX = 2_048;
const PINS_MAX = 4;
const CLAIM = /^[A-Za-z0-9_-]{16,128}$/;
const PIN = /^sha256:[0-9a-f]{64}$/;

/** @throws InvalidInputError with one finding per wrong part; the claim secret is in none of them. */
export function parseStoreAddress(text: string): StoreAddress {
  const url = text.length <= ADDRESS_CHARACTERS_MAX && URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || url.protocol !== SCHEME) {
    throw new InvalidInputError('store address', [
      finding(
        'url',
        'not of the form isthmus://HOST:PORT?pin=sha256:HEX',
        'take the link that `isthmus store serve` prints',
      ),
    ]);
  }
  const pins = url.searchParams.getAll('pin');
  const claim = url.searchParams.get('claim') ?? undefined;
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const port = url.port === '' ? DEFAULT_STORE_PORT : Number(url.port);
  const findings = [...findingsOfPlace(url, host, port), ...findingsOfPins(pins), ...findingsOfQuery(url, claim)];
  if (findings.length > 0) throw new InvalidInputError('store address', findings);
  return {
    host,
    port,
    pins: pins.map((pin) => pin.slice(PIN_PREFIX.length)),
    ...(claim === undefined ? {} : { claim }),
  };
}

export function formatStoreAddress(address: StoreAddress): string {
  const query = address.pins.map((pin) => `pin=${PIN_PREFIX}${pin}`);
  if (address.claim !== undefined) query.push(`claim=${address.claim}`);
  return `${SCHEME}//${formatPlace(address)}?${query.join('&')}`;
}

/** `HOST:PORT`, for messages and logs: no secret is in it. */
export function formatPlace({ host, port }: { readonly host: string; readonly port: number }): string {
  return `${isIP(host) === 6 ? `[${host}]` : host}:${port}`;
}

function findingsOfPlace(url: URL, host: string, port: number): Finding[] {
  const findings: Finding[] = [];
  if (isIP(host) === 0 && !isDnsName(host)) {
    findings.push(finding('host', 'neither an IP address nor a lower-case DNS name'));
  }
  if (port === 0) findings.push(finding('port', 'not a port from 1 to 65535'));
  if (url.username !== '' || url.password !== '') findings.push(finding('user', 'a store address has no user'));
  if (!['', '/'].includes(url.pathname)) findings.push(finding('path', 'a store address has no path'));
  if (url.hash !== '') findings.push(finding('fragment', 'a store address has no fragment'));
  return findings;
}

function findingsOfPins(pins: readonly string[]): Finding[] {
  if (pins.length === 0) {
    return [finding('pin', 'missing', 'take the whole link that `isthmus store serve` prints; quote it in the shell')];
  }
  if (pins.length > PINS_MAX) return [finding('pin', `given ${pins.length} times, at most ${PINS_MAX} are of use`)];
  return pins.flatMap((pin) => (PIN.test(pin) ? [] : [finding('pin', 'not sha256: and 64 lower-case hex digits')]));
}

function findingsOfQuery(url: URL, claim: string | undefined): Finding[] {
  const unknown = [...url.searchParams.keys()].filter((name) => name !== 'pin' && name !== 'claim');
  const findings = unknown.map((name) => finding(name.slice(0, 40), 'unknown parameter', 'known are pin and claim'));
  if (claim !== undefined && !CLAIM.test(claim)) findings.push(finding('claim', 'not a claim secret'));
  if (url.searchParams.getAll('claim').length > 1) findings.push(finding('claim', 'given more than once'));
  return findings;
}

function finding(field: string, message: string, hint?: string): Finding {
  const base = { severity: 'error', reason: 'InvalidStoreAddress', field, message: `${field}: ${message}` } as const;
  return hint === undefined ? base : { ...base, hint };
}
