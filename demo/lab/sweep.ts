import { readdirSync, readFileSync } from 'node:fs';

/**
 * Finds every process of a lab, also those that its programs started and left. Each inherits a variable that names the
 * lab's folder, which no other process has; a list of pids kept by us would miss grandchildren and go stale in a crash.
 */
export const LAB_VARIABLE = 'ISTHMUS_LAB_DIRECTORY';

/** Kills all processes of the lab that has this folder. Synchronous, so that it also works while the process exits. */
export function killLabProcesses(labDirectory: string): number {
  // One that is just being forked may be missed by a pass, so go on until a pass finds none.
  let killed = 0;
  for (let pass = 0; pass < SWEEP_PASSES_MAX; pass++) {
    const found = labProcesses(labDirectory);
    if (found.length === 0) break;
    for (const pid of found) killed += killOne(pid);
  }
  return killed;
}

/** A fork bomb would win against any number of passes; a handful is enough for anything we start. */
const SWEEP_PASSES_MAX = 20;

/** Processes that live (zombies have no environment), oldest pid first. */
export function labProcesses(labDirectory: string): readonly number[] {
  const wanted = `${LAB_VARIABLE}=${labDirectory}`;
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number)
    .filter((pid) => pid !== process.pid && environment(pid).includes(wanted))
    .sort((left, right) => left - right);
}

function environment(pid: number): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0');
  } catch {
    // Ended meanwhile, or another user's: either way not ours.
    return [];
  }
}

function killOne(pid: number): number {
  try {
    process.kill(pid, 'SIGKILL');
    return 1;
  } catch {
    // Ended between the look and the kill, which is what was wanted.
    return 0;
  }
}
