import type { RoleView } from '../leadership/role.ts';
import { secondsSince } from './objects.ts';

/** What this controller is among the replicas of its site: in `isthmus status`, and how the other commands find the leader. */
export interface RoleObject {
  /** Absent for a controller that is the only one. */
  readonly replica?: string;
  readonly kind: RoleView['kind'];
  /** Who leads, as far as this replica knows. */
  readonly leader?: string;
  /** The fencing number that this controller writes with; absent while it does not write. */
  readonly epoch?: number;
  readonly leaseTransitions?: number;
  readonly forSeconds: number;
  readonly message?: string;
}

export interface RoleInput extends RoleView {
  readonly epoch?: number | undefined;
  readonly nowMonotonicMs: number;
}

export function roleObject(input: RoleInput): RoleObject {
  const { replica, kind, leader, epoch, transitions, message } = input;
  return {
    ...(replica === undefined ? {} : { replica }),
    kind,
    ...(leader === undefined ? {} : { leader }),
    ...(epoch === undefined ? {} : { epoch }),
    ...(transitions === undefined ? {} : { leaseTransitions: transitions }),
    forSeconds: secondsSince(input.sinceMs, input.nowMonotonicMs),
    ...(message === undefined ? {} : { message }),
  };
}
