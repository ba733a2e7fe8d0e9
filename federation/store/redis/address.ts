import { isIP } from 'node:net';
import type { Finding } from '../../../runtime/errors.ts';
import { InvalidInputError } from '../../../runtime/errors.ts';
import { isDnsName } from '../../model/ids.ts';

/**
 * Where a Redis or Valkey store is and how to log in there:
 * `redis://[USER[:PASSWORD]@]HOST[:PORT][/DB]`, `redis+sentinel://H1:P1,H2:P2/MASTER`, `redis+cluster://H1:P1,H2:P2`;
 * `rediss` is TLS, `valkey` means the same as `redis`. Files are read when a connection is made, not here.
 */
export interface RedisAddress {
  readonly mode: 'standalone' | 'sentinel' | 'cluster';
  readonly isTls: boolean;
  /** One server; or some Sentinels; or some nodes of a Redis Cluster. */
  readonly places: readonly RedisPlace[];
  /** By which the Sentinels know the primary. */
  readonly masterName?: string | undefined;
  readonly database: number;
  readonly login: RedisLogin;
  /** As whom to ask Sentinels: they have users of their own. */
  readonly sentinelLogin: RedisLogin;
  /** Paths of PEM files. */
  readonly tls: {
    readonly ca?: string | undefined;
    readonly cert?: string | undefined;
    readonly key?: string | undefined;
  };
  /** Name in the server's certificate, when it is not the host's. */
  readonly serverName?: string | undefined;
}

export interface RedisPlace {
  /** DNS name or IP address, IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
}

export interface RedisLogin {
  readonly user?: string | undefined;
  /** A secret. */
  readonly password?: string | undefined;
  readonly passwordFile?: string | undefined;
}

export const DEFAULT_REDIS_PORT = 6_379;
export const DEFAULT_SENTINEL_PORT = 26_379;
const ADDRESS_CHARACTERS_MAX = 2_048;
const PLACES_MAX = 16;
const DATABASE_MAX = 1_023;
const FORM = /^(?:redis|valkey)(s?)(?:\+(sentinel|cluster))?:\/\/([^?#]*)(?:\?([^#]*))?$/s;
const PARAMETERS = [
  'user',
  'password-file',
  'ca',
  'cert',
  'key',
  'server-name',
  'sentinel-user',
  'sentinel-password-file',
];
/** Schemes of this kind of store, in the order in which they are best explained. */
export const REDIS_SCHEMES = ['redis', 'valkey'].flatMap((product) =>
  ['', 's'].flatMap((tls) => ['', '+sentinel', '+cluster'].map((mode) => `${product}${tls}${mode}`)),
);

export function isRedisUrl(url: string): boolean {
  return REDIS_SCHEMES.some((scheme) => url.startsWith(`${scheme}:`));
}

/** @throws InvalidInputError with a finding for each wrong part; passwords are in none of them. */
export function parseRedisAddress(url: string): RedisAddress {
  const form = url.length <= ADDRESS_CHARACTERS_MAX ? FORM.exec(url) : null;
  if (form === null) {
    throw new InvalidInputError('store address', [finding('url', 'not of the form redis://HOST:PORT', FORM_HINT)]);
  }
  const [, tls = '', kind, rest = '', queryText = ''] = form;
  const mode = kind === 'sentinel' || kind === 'cluster' ? kind : 'standalone';
  const at = rest.lastIndexOf('@');
  const slash = rest.indexOf('/', at + 1);
  const path = slash === -1 ? '' : rest.slice(slash + 1);
  const query = new URLSearchParams(queryText);
  const findings: Finding[] = [];
  const hosts = rest.slice(at + 1, slash === -1 ? undefined : slash);
  const address: RedisAddress = {
    mode,
    isTls: tls === 's',
    places: placesOf(hosts, mode, findings),
    masterName: mode === 'sentinel' ? masterOf(path, findings) : undefined,
    database: mode === 'sentinel' ? 0 : databaseOf(path, mode, findings),
    ...loginsOf(at === -1 ? '' : rest.slice(0, at), query, findings),
    ...tlsOf(query, tls === 's', findings),
  };
  findings.push(...findingsOfQuery(query, mode));
  if (findings.length > 0) throw new InvalidInputError('store address', findings);
  return address;
}

const FORM_HINT =
  'e.g. redis://HOST:6379, rediss://HOST:6379?ca=FILE, redis+sentinel://H1:26379,H2:26379/MASTER, redis+cluster://H1:6379,H2:6379';

/** `HOST:PORT`, for messages: no secret is in it. */
export function formatRedisPlace({ host, port }: RedisPlace): string {
  return `${isIP(host) === 6 ? `[${host}]` : host}:${port}`;
}

function placesOf(text: string, mode: RedisAddress['mode'], findings: Finding[]): readonly RedisPlace[] {
  const parts = text.split(',');
  if (parts.length > PLACES_MAX)
    findings.push(finding('host', `${parts.length} servers, at most ${PLACES_MAX} are of use`));
  if (mode === 'standalone' && parts.length > 1) {
    const hint = 'use redis+sentinel://...,.../MASTER or redis+cluster://...,...';
    findings.push(finding('host', 'one server only', hint));
  }
  const defaultPort = mode === 'sentinel' ? DEFAULT_SENTINEL_PORT : DEFAULT_REDIS_PORT;
  return parts.slice(0, PLACES_MAX).flatMap((part) => {
    const place = placeOf(part, defaultPort);
    if (place === undefined) findings.push(finding('host', 'not HOST or HOST:PORT, in lower case, IPv6 in brackets'));
    return place ?? [];
  });
}

function placeOf(text: string, defaultPort: number): RedisPlace | undefined {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]+))(?::([0-9]{1,5}))?$/.exec(text);
  if (match === null) return undefined;
  const [, bracketed, plain = '', digits] = match;
  const host = bracketed ?? plain;
  const isHost = bracketed === undefined ? isIP(host) === 4 || isDnsName(host) : isIP(host) === 6;
  const port = digits === undefined ? defaultPort : Number(digits);
  return isHost && port >= 1 && port <= 65_535 ? { host, port } : undefined;
}

function masterOf(path: string, findings: Finding[]): string {
  const name = decode(path);
  if (name === undefined || !/^[A-Za-z0-9._-]{1,128}$/.test(name)) {
    findings.push(finding('master', 'missing or not a name', 'redis+sentinel://H1:26379,H2:26379/MASTER'));
  }
  return name ?? '';
}

function databaseOf(path: string, mode: RedisAddress['mode'], findings: Finding[]): number {
  if (path === '') return 0;
  const database = /^[0-9]{1,4}$/.test(path) ? Number(path) : Number.NaN;
  if (!(database <= DATABASE_MAX)) findings.push(finding('database', `not a number from 0 to ${DATABASE_MAX}`));
  else if (mode === 'cluster' && database !== 0)
    findings.push(finding('database', 'a Redis Cluster has only database 0'));
  return database;
}

function loginsOf(
  userInfo: string,
  query: URLSearchParams,
  findings: Finding[],
): Pick<RedisAddress, 'login' | 'sentinelLogin'> {
  const colon = userInfo.indexOf(':');
  const user = decode(colon === -1 ? userInfo : userInfo.slice(0, colon));
  const password = colon === -1 ? '' : decode(userInfo.slice(colon + 1));
  if (user === undefined) findings.push(finding('user', 'wrong percent-encoding'));
  if (password === undefined) findings.push(finding('password', 'wrong percent-encoding'));
  const named = query.get('user') ?? '';
  if (named !== '' && (user ?? '') !== '') findings.push(finding('user', 'given twice'));
  const passwordFile = query.get('password-file') ?? undefined;
  if (passwordFile !== undefined && (password ?? '') !== '') {
    findings.push(finding('password-file', 'there is a password in the address too', 'keep the file'));
  }
  const login = { user: user || named || undefined, password: password || undefined, passwordFile };
  if (login.user !== undefined && login.password === undefined && passwordFile === undefined) {
    findings.push(finding('password-file', 'there is a user, and no password', 'add password-file=FILE'));
  }
  const sentinelLogin = {
    user: query.get('sentinel-user') ?? undefined,
    passwordFile: query.get('sentinel-password-file') ?? undefined,
  };
  return { login, sentinelLogin };
}

function tlsOf(query: URLSearchParams, isTls: boolean, findings: Finding[]): Pick<RedisAddress, 'tls' | 'serverName'> {
  const [ca, cert, key, serverName] = ['ca', 'cert', 'key', 'server-name'].map((name) => query.get(name) ?? undefined);
  if (!isTls && [ca, cert, key, serverName].some((value) => value !== undefined)) {
    findings.push(finding('scheme', 'certificates are for rediss://', 'begin with rediss'));
  }
  if ((cert === undefined) !== (key === undefined)) findings.push(finding('cert', 'cert and key go together'));
  if (serverName !== undefined && !isDnsName(serverName)) findings.push(finding('server-name', 'not a DNS name'));
  return { tls: { ca, cert, key }, serverName };
}

function findingsOfQuery(query: URLSearchParams, mode: RedisAddress['mode']): Finding[] {
  const findings: Finding[] = [];
  for (const name of new Set(query.keys())) {
    const values = query.getAll(name);
    if (!PARAMETERS.includes(name)) {
      // A password may have been meant: only what looks like a name is repeated.
      const shown = /^[a-z-]{1,24}$/.test(name) ? name : 'query';
      findings.push(finding(shown, 'unknown parameter', `known are ${PARAMETERS.join(', ')}`));
    } else if (values.length > 1) findings.push(finding(name, 'given more than once'));
    else if (values[0] === '' || values[0]?.includes('\0') === true) findings.push(finding(name, 'empty'));
    else if (name.startsWith('sentinel-') && mode !== 'sentinel') {
      findings.push(finding(name, 'is for redis+sentinel:// only'));
    }
  }
  return findings;
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined; // said by the caller, who knows which part it is
  }
}

function finding(field: string, message: string, hint?: string): Finding {
  const base = { severity: 'error', reason: 'InvalidStoreAddress', field, message: `${field}: ${message}` } as const;
  return hint === undefined ? base : { ...base, hint };
}
