import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { Random } from '../../runtime/random.ts';
import { openPrivateFile, preparePrivateFolder, replacePrivateFile } from '../../trust/private-file.ts';

/**
 * Passwords of store users as files, one `USER.password` each, 0600: the server gets hashes, the sites get files, and
 * no password is on a command line or a screen. A file that is there already is kept, so that the same command again
 * changes nothing.
 */
const PASSWORD_BYTES = 32;
const PASSWORD_CHARACTERS_MAX = 1_024;

/** User name -> hex sha256, and which files are new. */
export interface WrittenPasswords {
  readonly hashes: ReadonlyMap<string, string>;
  readonly made: readonly string[];
}

export async function writePasswords(
  { random }: { readonly random: Random },
  init: { readonly folder: string; readonly users: readonly string[] },
): Promise<WrittenPasswords> {
  await preparePrivateFolder(init.folder);
  const hashes = new Map<string, string>();
  const made: string[] = [];
  for (const user of init.users) {
    const name = `${user}.password`;
    const path = join(init.folder, name);
    const kept = await readPassword(path);
    const password = kept ?? Buffer.from(random.bytes(PASSWORD_BYTES)).toString('base64url');
    if (kept === undefined) {
      await replacePrivateFile(init.folder, name, `${password}\n`);
      made.push(path);
    }
    hashes.set(user, createHash('sha256').update(password).digest('hex'));
  }
  return { hashes, made };
}

/** Undefined when there is no file, or an empty one. A line's end, as of an editor, is not part of it. */
async function readPassword(path: string): Promise<string | undefined> {
  const file = await openPrivateFile(path, 0);
  if (file === undefined) return undefined;
  try {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(PASSWORD_CHARACTERS_MAX), 0, PASSWORD_CHARACTERS_MAX, 0);
    return (
      buffer
        .subarray(0, bytesRead)
        .toString('utf8')
        .replace(/\r?\n$/, '') || undefined
    );
  } finally {
    await file.close();
  }
}
