import { readFileSync } from 'node:fs';

/**
 * A process as (pid, start time): pids come around again, and after a crash we may only end what was ours.
 */
export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks since boot, from /proc/PID/stat. */
  readonly startTicks: string;
}

/** Field 22 of proc(5) `stat`, counted from behind the command, which may itself hold spaces and brackets. */
const START_TICKS_AFTER_COMMAND = 19;

/** Undefined when there is no such process, or no /proc. */
export function identify(pid: number): ProcessIdentity | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const startTicks = text.slice(text.lastIndexOf(')') + 2).split(' ')[START_TICKS_AFTER_COMMAND];
    return startTicks === undefined ? undefined : { pid, startTicks };
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ESRCH'))
      return undefined;
    throw error;
  }
}

export function isAlive(identity: ProcessIdentity): boolean {
  return identify(identity.pid)?.startTicks === identity.startTicks;
}
