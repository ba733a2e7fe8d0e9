import { execFileSync } from 'node:child_process';
import { IsthmusError } from '../../runtime/errors.ts';

/** Archives that come out the same octet for octet: sorted names, one time, no owner of the machine that packed them. */
export class TarMissingError extends IsthmusError {
  constructor(cause: unknown) {
    super('tar-missing', 'GNU tar is needed to pack reproducible archives', { cause, hint: 'install the package tar' });
  }
}

/** @param epochS time of every entry, seconds since 1970 */
export function packTar(folder: string, target: string, epochS: number, prefix?: string): void {
  const rename = prefix === undefined ? [] : [`--transform=s,^\\.,${prefix},`];
  const args = [
    '--create',
    `--file=${target}`,
    `--directory=${folder}`,
    '--sort=name',
    `--mtime=@${epochS}`,
    '--owner=0',
    '--group=0',
    '--numeric-owner',
    // The umask of whoever packs must not decide who can read it.
    '--mode=u+rw,go=rX',
    '--format=posix',
    '--pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime',
    ...rename,
    '.',
  ];
  try {
    execFileSync('tar', args, { stdio: ['ignore', 'ignore', 'pipe'] });
  } catch (error) {
    throw new TarMissingError(error);
  }
}
