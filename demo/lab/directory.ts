import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { identify, isAlive } from './identity.ts';
import { LabError } from './lab.ts';
import { killLabProcesses } from './sweep.ts';

/**
 * The folder of a lab says who owns it. When the owner has crashed, the next lab finds the folder, ends what still runs
 * and removes it.
 */
const PREFIX = 'isthmus-lab-';
const OWNER_FILE = 'owner.json';

const ownerSchema = z.strictObject({ pid: z.int().min(1), startTicks: z.string(), loopbackNet: z.int().optional() });
export type LabOwner = z.output<typeof ownerSchema>;

export interface LabDirectory {
  readonly path: string;
  readonly owner: LabOwner;
}

export function createLabDirectory(loopbackNet?: number): LabDirectory {
  const self = identify(process.pid);
  if (self === undefined) throw new LabError('no-proc', 'the lab needs a Linux /proc');
  const path = mkdtempSync(join(tmpdir(), PREFIX));
  mkdirSync(join(path, 'logs'));
  const owner: LabOwner = { ...self, ...(loopbackNet === undefined ? {} : { loopbackNet }) };
  writeFileSync(join(path, OWNER_FILE), JSON.stringify(owner));
  return { path, owner };
}

/** Folders of this user's labs whose owner still runs. */
export function liveLabs(): readonly LabDirectory[] {
  return labDirectories().filter(({ owner }) => isAlive(owner));
}

/** Ends and removes this user's labs whose owner has gone. Returns their folders. */
export function removeDeadLabs(): readonly string[] {
  const dead = labDirectories().filter(({ owner }) => !isAlive(owner));
  for (const { path } of dead) {
    killLabProcesses(path);
    removeLabDirectory(path);
  }
  return dead.map(({ path }) => path);
}

export function removeLabDirectory(path: string): void {
  rmSync(path, { recursive: true, force: true, maxRetries: 3 });
}

function labDirectories(): readonly LabDirectory[] {
  return readdirSync(tmpdir())
    .filter((entry) => entry.startsWith(PREFIX))
    .flatMap((entry) => readLabDirectory(join(tmpdir(), entry)));
}

/** Empty for what is not (or not yet, or no longer) a lab's folder of this user: the folder for all is anybody's. */
function readLabDirectory(path: string): LabDirectory[] {
  try {
    if (statSync(path).uid !== process.getuid?.()) return [];
    const owner = ownerSchema.safeParse(JSON.parse(readFileSync(join(path, OWNER_FILE), 'utf8')));
    return owner.success ? [{ path, owner: owner.data }] : [];
  } catch {
    // Being made or being removed at this moment by its own owner.
    return [];
  }
}
