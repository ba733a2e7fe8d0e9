import { compareHeadOrder, type HeadOrder, isSameVersion } from '../../../federation/model/head.ts';
import { eventsOf, type History } from '../events.ts';
import type { Invariant, Violation } from '../invariant.ts';
import { judge } from '../invariant.ts';

interface Newest {
  readonly order: HeadOrder;
  readonly digest: string;
}

/**
 * Over restarts too: a reader's marks outlive its process. And one version has one content: what a reader took first
 * under an order stays. What comes from the own disk after a restart may be older than the marks, for marks are written
 * first; it is compared with what comes after it, and the marks with what comes from the store.
 */
export const ORDERS_NEVER_DECREASE: Invariant = {
  id: 'I2',
  promise: 'the order that a reader applies of a cluster never decreases',
  check: (history) => {
    const newest = new Map<string, Newest>();
    const violations: Violation[] = [];
    let applied = 0;
    for (const event of history) {
      if (event.kind === 'diskLost') forgetBeats(newest, event.reader);
      if (event.kind !== 'applied') continue;
      applied += 1;
      const pair = pairOf(event.reader, event.cluster);
      const before = newest.get(pair);
      const { atMs, order, digest } = event;
      if (before !== undefined && isSameVersion(order, before.order) && digest !== before.digest) {
        violations.push({ atMs, message: `${pair}: version ${order.version} with two digests` });
      }
      const isOlder = before !== undefined && compareHeadOrder(order, before.order) < 0;
      if (isOlder && event.origin === 'store') {
        violations.push({ atMs, message: `${pair}: ${orderText(order)} after ${orderText(before.order)}` });
      }
      if (!isOlder) newest.set(pair, { order, digest });
    }
    return judge(applied, [...violations, ...rosterRollbacks(history)], 'no reader applied anything');
  },
};

function pairOf(reader: string, cluster: string): string {
  return `${reader} of ${cluster}`;
}

function forgetBeats(newest: Map<string, Newest>, reader: string): void {
  for (const [pair, { order, digest }] of newest) {
    if (pair.startsWith(pairOf(reader, ''))) newest.set(pair, { digest, order: { ...order, beat: 0 } });
  }
}

/** The same for rosters: an old one would bring back who was put out. */
function rosterRollbacks(history: History): readonly Violation[] {
  const newest = new Map<string, number>();
  const violations: Violation[] = [];
  for (const { reader, version, origin, atMs } of eventsOf(history, 'roster')) {
    const before = newest.get(reader) ?? 0;
    newest.set(reader, Math.max(before, version));
    if (version >= before || origin === 'disk') continue;
    violations.push({ atMs, message: `${reader} trusts roster ${version} after ${before}` });
  }
  return violations;
}

function orderText({ incarnation, epoch, writerId, version, beat }: HeadOrder): string {
  return `(${incarnation}, ${epoch}, ${writerId}, ${version}, ${beat})`;
}
