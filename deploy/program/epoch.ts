import { execFileSync } from 'node:child_process';

/**
 * The time that archives and images carry: `SOURCE_DATE_EPOCH` (reproducible-builds.org), else that of the commit, else
 * that of this software's first release. Never the clock's: two builds of one commit give the same octets.
 */
const FIRST_RELEASE_S = 1_795_478_400;

export function sourceEpochS(root: string, env: Readonly<Record<string, string | undefined>>): number {
  const given = Number(env['SOURCE_DATE_EPOCH']);
  if (Number.isSafeInteger(given) && given > 0) return given;
  try {
    const text = execFileSync('git', ['log', '-1', '--format=%ct'], { cwd: root, encoding: 'utf8', stdio: 'pipe' });
    return Number(text.trim());
  } catch {
    // A source archive without history.
    return FIRST_RELEASE_S;
  }
}

/** The commit that is packed, for people who look at the image; absent without history. */
export function sourceCommit(root: string): string | undefined {
  try {
    return execFileSync('git', ['rev-parse', 'HEAD'], { cwd: root, encoding: 'utf8', stdio: 'pipe' }).trim();
  } catch {
    return undefined;
  }
}
