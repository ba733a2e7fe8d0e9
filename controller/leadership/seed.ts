import { cp, mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { errorText } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import type { StateFolder } from '../state-folder.ts';

/**
 * What a controller goes on from when its site changes between one controller and several. A new replica must not begin
 * with the roster of the day on which the site joined, nor with nothing to serve from while the store is dark; and a
 * controller that is the only one again must not begin below the epochs that its replicas have used. So the newest
 * memory that the site has is copied: by whoever has none, and by a sole controller whose own is older.
 */
export interface SeedInit {
  readonly folder: StateFolder;
  /** Nobody else uses the state folder now. */
  readonly isAlone: boolean;
}

interface Memory {
  readonly folder: string;
  readonly atMs: number;
}

/** A sibling that runs replaces its files under our eyes. */
const ATTEMPTS = 3;
const DRAFT = 'seed.tmp';

/** Never rejects: a start without memory is slower and poorer, and still a start. */
export async function seedFolder({ log }: { readonly log: Logger }, init: SeedInit): Promise<void> {
  const { folder, isAlone } = init;
  const names = namesOf(folder);
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    try {
      const own = await memoryIn(folder.own, names.marks);
      const newest = await newestSibling(folder, names.marks);
      if (newest === undefined) return;
      if (own !== undefined && !(isAlone && newest.atMs > own.atMs)) return;
      await copyMemory(newest.folder, folder.own, names);
      log.info('went on from what another controller of this site remembered', { from: newest.folder });
      return;
    } catch (error) {
      log.warn('what another controller of this site remembers could not be copied', { error: errorText(error) });
    }
  }
}

function namesOf(folder: StateFolder) {
  const [marks, lastGood, source] = [folder.marks, folder.lastGood, folder.sourceMemory].map((path) => basename(path));
  return { marks: marks ?? '', others: [lastGood ?? '', source ?? ''] };
}

async function newestSibling(folder: StateFolder, marks: string): Promise<Memory | undefined> {
  const replicas = (await listed(folder.replicas)).map((name) => join(folder.replicas, name));
  const siblings = [folder.root, ...replicas].filter((path) => path !== folder.own);
  const found = await Promise.all(siblings.map((path) => memoryIn(path, marks)));
  return found.reduce((best, one) => (one !== undefined && one.atMs > (best?.atMs ?? 0) ? one : best), undefined);
}

async function memoryIn(folder: string, marks: string): Promise<Memory | undefined> {
  try {
    return { folder, atMs: (await stat(join(folder, marks))).mtimeMs };
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** The marks last: until they are there, a crash leaves the work to the next start. */
async function copyMemory(from: string, to: string, { marks, others }: ReturnType<typeof namesOf>): Promise<void> {
  const draft = join(to, DRAFT);
  await rm(draft, { recursive: true, force: true });
  await mkdir(draft, { mode: 0o700 });
  const copied: string[] = [];
  for (const name of [...others, marks]) {
    const isThere = await cp(join(from, name), join(draft, name), {
      recursive: true,
      preserveTimestamps: true,
      filter: (path) => !path.endsWith('.tmp'),
    }).then(
      () => true,
      (error: unknown) => {
        if (isMissing(error) && name !== marks) return false;
        throw error;
      },
    );
    if (isThere) copied.push(name);
  }
  for (const name of [...copied.filter((one) => one !== marks), marks]) {
    await rm(join(to, name), { recursive: true, force: true });
    await rename(join(draft, name), join(to, name));
  }
  await rm(draft, { recursive: true, force: true });
}

async function listed(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
