import { z } from 'zod';
import { parseAddress } from '../../federation/model/cidr.ts';
import { parseRedisAddress, REDIS_SCHEMES } from '../../federation/store/redis/address.ts';
import { parseStoreAddress } from '../../federation/store/remote/address.ts';
import { type Finding, InvalidInputError } from '../../runtime/errors.ts';
import { isDnsName } from '../../federation/model/ids.ts';
import { isImportEntry } from '../../federation/model/imports.ts';

/** Field kinds that only `Site` has, and the limits of its lists. */
export const SITE_LIMITS = {
  /** Several are for moving from one to another; each is followed and written by itself, and costs that. */
  storesMax: 4,
  servicePathsMax: 100,
  /** As `DEFAULT_RECORD_LIMITS.gatewaysMax`: peers refuse more. */
  gatewaysMax: 64,
  rangesMax: 64,
  /** Above the gateway ports that a gateway set has (5,000), so that each could be named. */
  importsMax: 10_000,
  /** With its number it is the writer id of heads. */
  replicaNameCharsMax: 40,
} as const;

/** Schemes that `federation/store/open.ts` opens. */
export const STORE_SCHEMES: readonly string[] = ['embedded', 'memory', 'isthmus', ...REDIS_SCHEMES];
/** One for each kind of store: what a message names. */
const SHOWN_SCHEMES = ['embedded', 'memory', 'isthmus', 'redis'];

/** The URL may carry a claim secret or a password, which must not reach a log: no problem repeats it. */
function storeProblems(value: string): readonly Pick<Finding, 'message' | 'hint'>[] {
  const [, scheme = '', rest = ''] = /^([a-z]+(?:\+[a-z]+)?):(.*)$/s.exec(value) ?? [];
  if (!STORE_SCHEMES.includes(scheme)) {
    const known = SHOWN_SCHEMES.map((one) => `${one}:`).join(', ');
    return [{ message: `the store URL begins with none of ${known}`, hint: STORE_HINT }];
  }
  const isRedis = REDIS_SCHEMES.includes(scheme);
  if (scheme !== 'isthmus' && !isRedis) {
    return rest === '' ? [{ message: `after ${scheme}: comes a name`, hint: STORE_HINT }] : [];
  }
  try {
    if (isRedis) parseRedisAddress(value);
    else parseStoreAddress(value);
    return [];
  } catch (error) {
    if (!(error instanceof InvalidInputError)) throw error;
    return error.findings.map(({ field, message, hint }) => ({
      message: `the store URL's ${field ?? 'form'} is wrong: ${message}`,
      ...(hint === undefined ? {} : { hint }),
    }));
  }
}

const STORE_HINT = 'e.g. embedded:store.db, redis://HOST:6379, or the link that `isthmus store serve` prints';

export function storeUrl() {
  return z
    .string()
    .max(2048, { error: 'a store URL has at most 2048 characters' })
    .superRefine((value, context) => {
      for (const { message, hint } of storeProblems(value)) {
        const params = { reason: 'InvalidStore', ...(hint === undefined ? {} : { hint }) };
        context.addIssue({ code: 'custom', message, params });
      }
    })
    .meta({
      examples: [
        'embedded:/var/lib/isthmus/store.db',
        'isthmus://203.0.113.7:15090?pin=sha256:…',
        'rediss://store.example.org:6379?user=west&password-file=/etc/isthmus/store.password',
      ],
    });
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

/** Where something is reached, not where it listens: the port is a real one. */
export function hostPort() {
  return z.string().refine((value) => (parseListenAddress(value)?.port ?? 0) > 0, {
    error: (issue) => `${JSON.stringify(String(issue.input).slice(0, 80))} is not HOST:PORT`,
    params: { reason: 'InvalidAddress', hint: 'e.g. store.example.org:15090 or [2001:db8::1]:15090' },
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

export function importEntry() {
  return z.string().refine(isImportEntry, {
    error: (issue) => `${JSON.stringify(String(issue.input).slice(0, 80))} is neither a namespace nor NAMESPACE/NAME`,
    params: { reason: 'InvalidImport', hint: 'e.g. shop, or shop/cart' },
  });
}
