import { DEFAULT_REDIS_PORT, DEFAULT_SENTINEL_PORT } from '../../federation/store/redis/address.ts';
import { InvalidInputError, IsthmusError } from '../../runtime/errors.ts';

/**
 * Which store address goes into a join token, and which one a site that joined with it keeps. A token travels to another
 * machine: it must carry a login that can do nothing but join, and no login of the authority's. A Redis or Valkey address
 * is the only kind with logins in it; a store server knows its callers by certificate.
 */
const WITH_LOGIN = /^(redis|valkey)s?(\+[a-z]+)?:\/\//;
const WITH_TLS = /^(redis|valkey)s(\+[a-z]+)?:\/\//;
/** Where the user is given, in any of the ways of a store address. */
const LOGIN_PARAMETERS = ['user', 'password', 'password-file'];
/** How to reach the server from *this* machine: another machine has other files. */
const LOCAL_PARAMETERS = ['ca', 'cert', 'key', 'server-name'];

export class NoJoinStoreError extends IsthmusError {
  constructor() {
    super('no-join-store', "this site's own store login must not leave it, and no other is named for joining", {
      hint:
        "give --join-store 'redis://isthmus_join@HOST?password-file=FILE', or set spec.joinStore of the site " +
        '(`isthmus store acl` makes that login)',
    });
  }
}

/** A `redis:`-like address with a user or password in it. */
export function hasLogin(url: string): boolean {
  if (!WITH_LOGIN.test(url)) return false;
  const { login, query } = partsOf(url);
  return login !== undefined || LOGIN_PARAMETERS.some((name) => query.has(name));
}

/** @throws NoJoinStoreError when only the site's own login would be left to give away */
export function tokenStore({ own, join }: { readonly own: string; readonly join?: string | undefined }): string {
  if (join !== undefined) return join;
  if (hasLogin(own)) throw new NoJoinStoreError();
  return own;
}

/**
 * Why a token with this store may lead nowhere: offers and answers are only in the stores that the authority lists. It may
 * be one of them all the same, by a name that is another one outside of this site.
 */
export function strangeJoinStore(join: string, listed: readonly string[]): string | undefined {
  if (!WITH_LOGIN.test(join)) return undefined;
  const hosts = hostsOf(join);
  if (listed.some((url) => hostsOf(url).some((host) => hosts.includes(host)))) return undefined;
  return (
    `the token leads to ${hosts.join(', ')}, which is in no store of this site (${listed.join(', ')}): ` +
    'nobody can join with it unless that is one of them by another name (spec.joinStore or --join-store says where it leads)'
  );
}

/** `HOST:PORT`, by which two addresses of one server are known. */
function hostsOf(url: string): readonly string[] {
  const { head, rest } = partsOf(url);
  const port = head.includes('+sentinel') ? DEFAULT_SENTINEL_PORT : DEFAULT_REDIS_PORT;
  const hosts = rest.replace(/[/#].*$/s, '').split(',');
  return hosts.map((host) => (/:\d+$/.test(host) ? host : `${host}:${port}`));
}

/** The file that has the password of an address, and the address with the password itself in its place. */
export interface PasswordInFile {
  readonly path: string;
  readonly withPassword: (password: string) => string;
}

/** @throws InvalidInputError when there is a password beside the file, or nobody whose it could be */
export function passwordInFile(url: string): PasswordInFile | undefined {
  const { head, login, rest, query } = partsOf(url);
  const file = query.get('password-file');
  if (!WITH_LOGIN.test(url) || file === undefined || file === null) return undefined;
  const user = query.get('user') ?? decode(login ?? '');
  if (user.includes(':') || query.has('password')) throw invalid('the address has a password beside its password-file');
  if (user === '') throw invalid('the address has a password-file and no user');
  query.delete('password-file');
  query.delete('user');
  return {
    path: file,
    withPassword: (password) => {
      const filled = `${encodeURIComponent(user)}:${encodeURIComponent(password)}`;
      return `${head}${filled}@${rest}${queryText(query)}`;
    },
  };
}

/** The token's address as it works from here: its login, by the local files that the site's own addresses name. */
export function reachedFromHere(token: string, sites: readonly string[]): string {
  // While a clusterset moves, the token may name one store and the site another, one of them without TLS.
  if (!WITH_TLS.test(token)) return token;
  const given = partsOf(token);
  const usable = sites
    .filter((url) => WITH_TLS.test(url))
    .map(partsOf)
    .filter(({ query }) => LOCAL_PARAMETERS.some((name) => query.has(name)));
  const mine = (usable.find(({ rest }) => rest === given.rest) ?? usable[0])?.query;
  if (mine === undefined) return token;
  for (const name of LOCAL_PARAMETERS) {
    const value = mine.get(name);
    given.query.delete(name);
    if (value !== null) given.query.set(name, value);
  }
  const login = given.login === undefined ? '' : `${given.login}@`;
  return `${given.head}${login}${given.rest}${queryText(given.query)}`;
}

interface Parts {
  /** Scheme and slashes. */
  readonly head: string;
  /** As it is written: user, or user and password. */
  readonly login: string | undefined;
  /** Hosts and path. */
  readonly rest: string;
  readonly query: URLSearchParams;
}

/** Not by `URL`, which takes no list of hosts. A login ends at the last `@`: a password may have one in it. */
function partsOf(url: string): Parts {
  const [, head = '', place = '', query = ''] = /^([a-z+]+:(?:\/\/)?)([^?]*)(?:\?(.*))?$/s.exec(url) ?? [];
  const at = place.lastIndexOf('@');
  return {
    head,
    login: at < 0 ? undefined : place.slice(0, at),
    rest: place.slice(at + 1),
    query: new URLSearchParams(query),
  };
}

/** `URLSearchParams` writes a blank as `+`, which is a plus sign to whoever does not decode forms. */
function queryText(query: URLSearchParams): string {
  const text = query.toString().replaceAll('+', '%20');
  return text === '' ? '' : `?${text}`;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw invalid('the user in the address is not properly percent-encoded');
  }
}

function invalid(message: string): InvalidInputError {
  return new InvalidInputError('the store address for joining', [
    { severity: 'error', reason: 'InvalidJoinStore', message },
  ]);
}
