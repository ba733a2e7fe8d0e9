import type { Invariant, Violation } from '../invariant.ts';
import { judge } from '../invariant.ts';

/** A request may fail while a fault of the data plane lasts, for nothing can serve it then; never for another reason. */
export const NO_FAILED_REQUESTS: Invariant = {
  id: 'I1',
  promise: 'control-plane faults alone cause no failed request',
  check: (history) => {
    const dataFaults = new Set<string>();
    const violations: Violation[] = [];
    let requests = 0;
    for (const event of history) {
      if (event.kind === 'fault' && event.plane === 'data') {
        if (event.state === 'begun') dataFaults.add(event.name);
        else dataFaults.delete(event.name);
      }
      if (event.kind !== 'requests') continue;
      requests += event.ok + event.failed;
      if (event.failed === 0 || dataFaults.size > 0) continue;
      const detail = event.detail === undefined ? '' : `: ${event.detail}`;
      violations.push({ atMs: event.atMs, message: `${event.failed} requests of ${event.caller} failed${detail}` });
    }
    return judge(requests, violations, 'no request was made');
  },
};
