import { mkdir, open, readFile, rename, stat, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * A small file that survives a crash at any instant, a full disk and a torn sector. The bytes go to `PATH.tmp` and are
 * synced; the present generation becomes `PATH.prev`; the new one takes its name; the folder is synced. Between the two
 * renames only `PATH.prev` exists, and it holds the newest value that was ever used, because a value is used only after
 * `writeGeneration` has returned.
 */
export interface Generations {
  readonly current: Uint8Array | undefined;
  readonly previous: Uint8Array | undefined;
}

export async function writeGeneration(path: string, bytes: Uint8Array): Promise<void> {
  const temporary = `${path}.tmp`;
  try {
    await writeSynced(temporary, bytes).catch(async (error: unknown) => {
      // Asked only when it is missing: this runs on the way of every remote change.
      if (!isMissing(error)) throw error;
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      await writeSynced(temporary, bytes);
    });
  } catch (error) {
    // Half a file on a full disk only makes it fuller.
    await ignoreMissing(unlink(temporary));
    throw error;
  }
  await ignoreMissing(rename(path, previousOf(path)));
  await rename(temporary, path);
  await syncFolder(dirname(path));
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

async function writeSynced(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path, 'w', 0o600);
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
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

async function syncFolder(path: string): Promise<void> {
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
