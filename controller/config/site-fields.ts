import { z } from 'zod';
import { parseAddress } from '../../federation/model/cidr.ts';
import { isDnsName } from '../../federation/model/ids.ts';

/** Field kinds that only `Site` has, and the limits of its lists. */
export const SITE_LIMITS = {
  /** Each store is polled; more than a handful is a mistake. */
  storesMax: 8,
  servicePathsMax: 100,
  /** As `DEFAULT_RECORD_LIMITS.gatewaysMax`: peers refuse more. */
  gatewaysMax: 64,
  rangesMax: 64,
} as const;

/** Schemes that `federation/store/open.ts` opens. */
export const STORE_SCHEMES = ['embedded', 'memory', 'isthmus'] as const;

function storeProblem(value: string): string | undefined {
  const scheme = /^([a-z]+):/.exec(value)?.[1];
  if (scheme === undefined || !STORE_SCHEMES.some((known) => known === scheme)) {
    return `no store of ours: it begins with none of ${STORE_SCHEMES.map((known) => `${known}:`).join(', ')}`;
  }
  const rest = value.slice(scheme.length + 1);
  if (scheme !== 'isthmus') return rest === '' ? `not complete: after ${scheme}: comes a name` : undefined;
  if (!rest.startsWith('//') || !URL.canParse(value)) return 'not a URL of the form isthmus://HOST:PORT?pin=sha256:HEX';
  return new URL(value).port === '' ? 'without a port; the store server listens on 15090' : undefined;
}

export function storeUrl() {
  return z
    .string()
    .max(2048, { error: 'a store URL has at most 2048 characters' })
    .superRefine((value, context) => {
      const problem = storeProblem(value);
      if (problem === undefined) return;
      // The URL may carry a claim secret, which must not reach a log: it is not repeated.
      const params = {
        reason: 'InvalidStore',
        hint: 'e.g. embedded:store.db, or the link that `isthmus store serve` prints',
      };
      context.addIssue({ code: 'custom', message: `the store URL is ${problem}`, params });
    })
    .meta({ examples: ['embedded:/var/lib/isthmus/store.db', 'isthmus://203.0.113.7:15090?pin=sha256:…'] });
}

/** `HOST:PORT`, or undefined. IPv6 hosts stand in brackets. Port 0 asks the system for a free one. */
export function parseListenAddress(value: string): { readonly host: string; readonly port: number } | undefined {
  const match = /^(?:\[([0-9a-f:.]+)\]|([^:[\]]+)):([0-9]{1,5})$/i.exec(value);
  if (match === null) return undefined;
  const [, bracketed, plain, digits] = match;
  const host = bracketed ?? plain ?? '';
  const isIpv6 = parseAddress(host)?.kind() === 'ipv6';
  const valid = bracketed === undefined ? isDnsName(host) : isIpv6;
  const port = Number(digits);
  return valid && port <= 65_535 ? { host, port } : undefined;
}

export function listenAddress() {
  return z.string().refine((value) => value === 'off' || parseListenAddress(value) !== undefined, {
    error: (issue) => `${JSON.stringify(String(issue.input).slice(0, 80))} is neither HOST:PORT nor off`,
    params: { reason: 'InvalidAddress', hint: 'e.g. 127.0.0.1:15020, [::1]:15020 or off' },
  });
}

/** Wildcards stand in the last part only, so that the folders to watch are known before any file exists. */
export function servicesPath() {
  return z
    .string()
    .min(1, { error: 'a path is not empty' })
    .max(1024, { error: 'a path has at most 1024 characters' })
    .refine((value) => !/[*?].*\//.test(value) && !value.includes('\0'), {
      error: 'wildcards are allowed in the last part of a path only',
      params: { reason: 'InvalidPath', hint: 'name each folder, e.g. services/*.yaml' },
    });
}
