import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { IsthmusError } from '../runtime/errors.ts';

/**
 * Files that hold secrets: 0600 in a folder of 0700, replaced as a whole, on disk before anybody is told so. One that
 * others may read is refused instead of mended, because the secret may be known already.
 */
const FILE_MODE = 0o600;
const FOLDER_MODE = 0o700;
const OTHERS = 0o077;

export class ExposedFileError extends IsthmusError {
  constructor(path: string, mode: number, what: 'file' | 'folder') {
    const octal = (mode & 0o777).toString(8).padStart(4, '0');
    super('exposed-file', `the ${what} ${path} has mode ${octal}, so that other users can reach its secrets`, {
      fields: { path, mode: octal },
      hint: `chmod ${what === 'file' ? '600' : '700'} ${path}, and replace the secret if others may have read it`,
    });
  }
}

/** Makes the folder if it is not there. @throws ExposedFileError when it is, and open to others. */
export async function preparePrivateFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: FOLDER_MODE });
  const { mode } = await stat(path);
  if ((mode & OTHERS) !== 0) throw new ExposedFileError(path, mode, 'folder');
}

/** Undefined when there is no such file. The check is on the open file, so it cannot be exchanged in between. */
export async function openPrivateFile(path: string, flags: number): Promise<FileHandle | undefined> {
  let file: FileHandle;
  try {
    file = await open(path, flags | constants.O_NOFOLLOW, FILE_MODE);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
  const { mode } = await file.stat();
  if ((mode & OTHERS) === 0) return file;
  await file.close();
  throw new ExposedFileError(path, mode, 'file');
}

/** Replaces the file at `folder/name` in one step. Two calls for the same name must not overlap. */
export async function replacePrivateFile(folder: string, name: string, content: string): Promise<void> {
  await preparePrivateFolder(folder);
  const temporary = join(folder, `.${name}.new`);
  const file = await open(temporary, 'w', FILE_MODE);
  try {
    // A left-over of a crash keeps the mode that it was made with.
    await file.chmod(FILE_MODE);
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, join(folder, name));
  await syncFolder(folder);
}

/** Without this a crash may forget the name of a file whose content is safe. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
