import type { EventOf } from '../events.ts';
import { eventsOf } from '../events.ts';
import type { Invariant, Violation } from '../invariant.ts';
import { judge } from '../invariant.ts';

/** `holder` of a root is a reader; who is live is who is started. */
export const ROOTS_BEFORE_LEAVES: Invariant = {
  id: 'I5',
  promise: 'no leaf is used before every live peer holds its root, and no root leaves while a live leaf needs it',
  check: (history) => {
    const live = new Set<string>();
    const held = new Set<string>();
    const leaves = new Map<string, EventOf<'leaf'>>();
    const violations: Violation[] = [];
    for (const event of history) {
      if (event.kind === 'reader') {
        if (event.state === 'started') live.add(event.reader);
        else live.delete(event.reader);
      } else if (event.kind === 'root') {
        const key = `${event.holder} ${event.root}`;
        if (event.state === 'held') held.add(key);
        else held.delete(key);
        const needed = [...leaves.values()].filter(
          ({ root, cluster }) => root === event.root && cluster !== event.holder,
        );
        if (event.state === 'dropped' && live.has(event.holder)) {
          for (const { leaf } of needed) {
            violations.push({ atMs: event.atMs, message: `${event.holder} dropped ${event.root}, ${leaf} needs it` });
          }
        }
      } else if (event.kind === 'leaf') {
        if (event.state === 'retired') leaves.delete(event.leaf);
        else leaves.set(event.leaf, event);
        if (event.state === 'retired') continue;
        for (const peer of live) {
          if (peer === event.cluster || held.has(`${peer} ${event.root}`)) continue;
          violations.push({ atMs: event.atMs, message: `${event.leaf} is used, ${peer} does not hold ${event.root}` });
        }
      }
    }
    return judge(eventsOf(history, 'leaf').length, violations, 'no leaf or root was followed');
  },
};
