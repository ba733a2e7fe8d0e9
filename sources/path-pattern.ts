import { basename, dirname, join, resolve } from 'node:path';

/** A configured path: a file, a folder, or a pattern with wildcards in its last part. Pure. */
export interface PathPattern {
  /** As configured, absolute. */
  readonly path: string;
  readonly hasWildcard: boolean;
}

/** What a folder is searched for. Other files in it (notes, editors' backups) are none of our business. */
const EXTENSIONS = ['.yaml', '.yml', '.json'];

export function parsePattern(path: string): PathPattern {
  return { path: resolve(path), hasWildcard: /[*?]/.test(basename(path)) };
}

/** Hidden files are editors' and mounters' business: Kubernetes mounts hold `..data`, vim writes `.x.swp`. */
export function isServicesFile(name: string): boolean {
  return !name.startsWith('.') && EXTENSIONS.some((extension) => name.endsWith(extension));
}

/** Whether a path that does not exist (yet) is meant to be a file. */
export function looksLikeFile(pattern: PathPattern): boolean {
  return !pattern.hasWildcard && isServicesFile(basename(pattern.path));
}

/** The files among a folder's names that the pattern selects, as full paths in byte order. */
export function select(pattern: PathPattern, names: readonly string[]): readonly string[] {
  const folder = pattern.hasWildcard ? dirname(pattern.path) : pattern.path;
  const accepts = pattern.hasWildcard ? wildcard(basename(pattern.path)) : isServicesFile;
  return names
    .filter((name) => accepts(name))
    .toSorted()
    .map((name) => join(folder, name));
}

/** Whether `file` would be selected, judged by its path alone. */
export function covers(pattern: PathPattern, file: string): boolean {
  if (looksLikeFile(pattern) || file === pattern.path) return file === pattern.path;
  return select(pattern, [basename(file)]).includes(file);
}

/** `*` stands for any characters, `?` for one. Matched by hand: no pattern of a user becomes a regular expression. */
function wildcard(pattern: string): (name: string) => boolean {
  return (name) => {
    if (name.startsWith('.') && !pattern.startsWith('.')) return false;
    let at = 0;
    let inPattern = 0;
    let star = -1;
    let retryAt = 0;
    while (at < name.length) {
      const wanted = pattern[inPattern];
      if (wanted === '*') {
        star = inPattern;
        retryAt = at;
        inPattern += 1;
      } else if (wanted === '?' || wanted === name[at]) {
        at += 1;
        inPattern += 1;
      } else if (star >= 0) {
        retryAt += 1;
        at = retryAt;
        inPattern = star + 1;
      } else {
        return false;
      }
    }
    return /^\**$/.test(pattern.slice(inPattern));
  };
}
