import { type FileHandle, mkdir, open, readFile, rename, stat, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * A small file that survives a crash at any instant, a full disk and a torn sector. The bytes go to `PATH.tmp` and are
 * synced; the present generation becomes `PATH.prev`; the new one takes its name; the folder is synced. From the first
 * rename to the second only `PATH.prev` exists, and it holds the newest value that was ever used, because a value is used
 * only after `writeGeneration` has returned.
 */
export interface Generations {
  readonly current: Uint8Array | undefined;
  readonly previous: Uint8Array | undefined;
}

export async function writeGeneration(path: string, bytes: Uint8Array): Promise<void> {
  const temporary = `${path}.tmp`;
  const { file, folder } = await openBoth(temporary);
  try {
    await file.writeFile(bytes);
    // Every remote change passes here: what need not wait for each other does not. The octets are in the file by now, so a
    // full disk has mostly spoken, and until the sync is through the previous generation is what a crash finds.
    await Promise.all([file.sync(), ignoreMissing(rename(path, previousOf(path)))]);
    await rename(temporary, path);
    await folder.sync();
  } catch (error) {
    // Half a file on a full disk only makes it fuller.
    await ignoreMissing(unlink(temporary));
    throw error;
  } finally {
    for (const handle of [file, folder]) handle.close().catch(() => undefined); // synced: a close has nothing to add
  }
}

export async function readGenerations(path: string, bytesMax: number): Promise<Generations> {
  const [current, previous] = await Promise.all([read(path, bytesMax), read(previousOf(path), bytesMax)]);
  return { current, previous };
}

/**
 * Moves a damaged generation out of the way, for whoever wants to look at it. Otherwise the next write would push it
 * over the good one before it.
 */
export async function setAside(path: string): Promise<void> {
  await ignoreMissing(rename(path, `${path}.corrupt`));
}

export async function removeGenerations(path: string): Promise<void> {
  await Promise.all([path, previousOf(path)].map((file) => ignoreMissing(unlink(file))));
}

export function previousOf(path: string): string {
  return `${path}.prev`;
}

interface OpenFiles {
  readonly file: FileHandle;
  readonly folder: FileHandle;
}

async function openBoth(path: string): Promise<OpenFiles> {
  try {
    return await openFiles(path);
  } catch (error) {
    // Made only when it is missing, which is once.
    if (!isMissing(error)) throw error;
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    return openFiles(path);
  }
}

async function openFiles(path: string): Promise<OpenFiles> {
  const [file, folder] = await Promise.allSettled([open(path, 'w', 0o600), open(dirname(path), 'r')]);
  if (file.status === 'fulfilled' && folder.status === 'fulfilled') return { file: file.value, folder: folder.value };
  for (const opened of [file, folder]) if (opened.status === 'fulfilled') await opened.value.close();
  throw file.status === 'rejected' ? file.reason : (folder as PromiseRejectedResult).reason;
}

/** A file that is too large is read as no octets: damaged, like any other content that is not ours. */
async function read(path: string, bytesMax: number): Promise<Uint8Array | undefined> {
  try {
    const { size } = await stat(path);
    return size > bytesMax ? new Uint8Array() : new Uint8Array(await readFile(path));
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

async function ignoreMissing(work: Promise<void>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
