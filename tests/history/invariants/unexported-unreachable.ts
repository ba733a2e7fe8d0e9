import { eventsOf } from '../events.ts';
import type { Invariant } from '../invariant.ts';
import { judge } from '../invariant.ts';

/** Only calls to names that are not exported count: that the others are reached is somebody else's promise. */
export const UNEXPORTED_UNREACHABLE: Invariant = {
  id: 'I6',
  promise: 'names that are not exported cannot be reached',
  check: (history) => {
    const probes = eventsOf(history, 'probe').filter(({ exported }) => !exported);
    const violations = probes
      .filter(({ reached }) => reached)
      .map(({ atMs, from, name }) => ({ atMs, message: `${from} reached ${name}, which is not exported` }));
    return judge(probes.length, violations, 'nobody called a name that is not exported');
  },
};
