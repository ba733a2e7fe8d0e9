/**
 * Files that a store URL names: the database of an embedded store, passwords and certificates of Redis or Valkey. Like
 * every path of a Site they may be relative to where they are written down, and are absolute from there on.
 */
const EMBEDDED = 'embedded:';
const WITH_FILES = /^(?:redis|valkey)s?(?:\+[a-z]+)?:\/\//;
const FILE_PARAMETERS = ['password-file', 'sentinel-password-file', 'ca', 'cert', 'key'];

export function resolveStorePaths(url: string, resolvePath: (path: string) => string): string {
  if (url.startsWith(EMBEDDED)) return EMBEDDED + resolvePath(url.slice(EMBEDDED.length));
  const begin = url.indexOf('?');
  if (!WITH_FILES.test(url) || begin < 0) return url;
  const parameters = url.slice(begin + 1).split('&');
  return `${url.slice(0, begin)}?${parameters.map((parameter) => resolveParameter(parameter, resolvePath)).join('&')}`;
}

/** Everything else stays as it was written, mistakes included: the parser of the address reports them. */
function resolveParameter(parameter: string, resolvePath: (path: string) => string): string {
  const [, name = '', value = ''] = /^([^=]*)=(.+)$/s.exec(parameter) ?? [];
  if (!FILE_PARAMETERS.includes(name)) return parameter;
  try {
    const path = decodeURIComponent(value);
    return path.startsWith('/') ? parameter : `${name}=${encodeURIComponent(resolvePath(path))}`;
  } catch {
    return parameter;
  }
}
