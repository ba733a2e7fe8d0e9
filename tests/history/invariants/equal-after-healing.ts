import type { EventOf, History } from '../events.ts';
import { eventsOf } from '../events.ts';
import type { Invariant, Violation } from '../invariant.ts';
import { judge } from '../invariant.ts';

/** What FAULTS promises on a LAN. */
const HEALED_WITHIN_MS = 10_000;

/** `withinMs`: how long after the last fault, and after the last change, every reader may take. */
export function equalAfterHealing(withinMs = HEALED_WITHIN_MS): Invariant {
  return {
    id: 'I4',
    promise: `after healing, every reader equals the oracle within ${withinMs / 1000} s`,
    check: (history) => {
      const healed = eventsOf(history, 'healed').at(-1);
      if (healed === undefined) return { kind: 'not observed', why: 'the run did not heal' };
      const oracle = new Map(eventsOf(history, 'desired').map((event) => [event.cluster, event]));
      const pairs = readersAtTheEnd(history).flatMap((reader) =>
        [...oracle.values()]
          .filter(({ cluster }) => isFollowed(history, reader, cluster))
          .map((desired) => ({ reader, desired })),
      );
      const violations = pairs.flatMap(({ reader, desired }) => {
        const dueMs = Math.max(healed.atMs, desired.atMs) + withinMs;
        const message = objection(history, reader, desired, dueMs);
        return message === undefined ? [] : [{ atMs: dueMs, message } satisfies Violation];
      });
      return judge(pairs.length, violations, 'no reader was left to compare');
    },
  };
}

export const EQUAL_AFTER_HEALING = equalAfterHealing();

function objection(history: History, reader: string, desired: EventOf<'desired'>, dueMs: number): string | undefined {
  const applied = eventsOf(history, 'applied').filter(
    (event) => event.reader === reader && event.cluster === desired.cluster,
  );
  const last = applied.at(-1);
  const what = `${reader} of ${desired.cluster}`;
  if (last === undefined) return `${what}: nothing was ever applied`;
  if (last.digest !== desired.digest) return `${what}: version ${last.order.version} is not what it wants`;
  const since = applied.slice(applied.findLastIndex(({ digest }) => digest !== desired.digest) + 1)[0] ?? last;
  return since.atMs <= dueMs ? undefined : `${what}: equal ${Math.round(since.atMs - dueMs)} ms too late`;
}

function readersAtTheEnd(history: History): readonly string[] {
  const state = new Map(eventsOf(history, 'reader').map((event) => [event.reader, event.state]));
  return [...state].filter(([, last]) => last === 'started').map(([reader]) => reader);
}

/** Not itself, and not who is no active member by the reader's own roster. */
function isFollowed(history: History, reader: string, cluster: string): boolean {
  if (reader === cluster) return false;
  const roster = eventsOf(history, 'roster').findLast((event) => event.reader === reader);
  return roster === undefined || Object.hasOwn(roster.members, cluster);
}
