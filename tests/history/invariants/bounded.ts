import type { Usage } from '../events.ts';
import type { Invariant, Violation } from '../invariant.ts';
import { judge } from '../invariant.ts';

const QUANTITIES = ['rssBytes', 'fileDescriptors', 'queued'] as const;

/** Each process says its bounds first; a quantity without a bound is not judged, and said to be unseen. */
export const BOUNDED: Invariant = {
  id: 'I8',
  promise: 'memory, queues and file descriptors stay within their bounds',
  check: (history) => {
    const bounds = new Map<string, Usage>();
    const seen = new Set<string>();
    const violations: Violation[] = [];
    let facts = 0;
    for (const event of history) {
      if (event.kind === 'bounds') bounds.set(event.process, event.max);
      if (event.kind !== 'usage') continue;
      for (const quantity of QUANTITIES) {
        const max = bounds.get(event.process)?.[quantity];
        const used = event.used[quantity];
        if (max === undefined || used === undefined) continue;
        facts += 1;
        seen.add(quantity);
        if (used <= max) continue;
        violations.push({ atMs: event.atMs, message: `${event.process}: ${quantity} is ${used}, more than ${max}` });
      }
    }
    const unseen = QUANTITIES.filter((quantity) => !seen.has(quantity));
    return judge(facts, violations, 'no usage was measured against a bound', unseen);
  },
};
