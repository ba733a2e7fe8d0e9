import type { Finding } from '../../runtime/errors.ts';

/** One thing that `isthmus store check` has to say about a store. `info` is worth knowing and needs no change. */
export interface CheckFinding extends Omit<Finding, 'severity'> {
  readonly severity: 'error' | 'warning' | 'info';
}

export function problem(reason: string, message: string, hint: string): CheckFinding {
  return { severity: 'error', reason, message, hint };
}

export function warning(reason: string, message: string, hint: string): CheckFinding {
  return { severity: 'warning', reason, message, hint };
}

export function remark(reason: string, message: string, hint?: string): CheckFinding {
  return { severity: 'info', reason, message, ...(hint === undefined ? {} : { hint }) };
}
