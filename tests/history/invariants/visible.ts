import type { EventOf, History, Surface } from '../events.ts';
import { eventsOf } from '../events.ts';
import type { Invariant } from '../invariant.ts';
import { judge } from '../invariant.ts';

const SURFACES: readonly Surface[] = ['metric', 'event', 'status'];
const SHOWN_WITHIN_MS = 10_000;
/** The name under which a staleness is shown; a rejection is shown by its reason. */
const STALE = 'stale';

/** Judged per surface that the suite looked at; the others are said to be unseen. */
export function visible(withinMs = SHOWN_WITHIN_MS): Invariant {
  return {
    id: 'I10',
    promise: `every rejection and staleness shows in a metric, an event and status within ${withinMs / 1000} s`,
    check: (history) => {
      const shown = eventsOf(history, 'shown');
      const looked = SURFACES.filter((surface) => shown.some(({ where }) => where === surface));
      const lastMs = history.at(-1)?.atMs ?? 0;
      // What happened too shortly before the end has time left.
      const due = troubles(history).filter(({ atMs }) => atMs + withinMs <= lastMs);
      const violations = due.flatMap((trouble) =>
        looked
          .filter((surface) => !shown.some((event) => event.where === surface && isOf(event, trouble, withinMs)))
          .map((surface) => ({
            atMs: trouble.atMs,
            message: `${trouble.reader}: ${trouble.name} of ${trouble.cluster} did not show in ${surface}`,
          })),
      );
      const unseen = SURFACES.filter((surface) => !looked.includes(surface));
      return judge(looked.length === 0 ? 0 : due.length, violations, 'nobody looked at what operators see', unseen);
    },
  };
}

export const VISIBLE = visible();

interface Trouble {
  readonly atMs: number;
  readonly reader: string;
  readonly cluster: string;
  readonly name: string;
}

function troubles(history: History): readonly Trouble[] {
  const found = history.filter((event) => event.kind === 'rejected' || event.kind === 'stale');
  return found.map((event) => ({
    atMs: event.atMs,
    reader: event.reader,
    cluster: event.cluster,
    name: event.kind === 'rejected' ? event.reason : STALE,
  }));
}

/** A suite records what a surface shows each time it looks, so what was shown before says nothing about this time. */
function isOf(event: EventOf<'shown'>, trouble: Trouble, withinMs: number): boolean {
  const isSame = event.reader === trouble.reader && event.cluster === trouble.cluster && event.shown === trouble.name;
  return isSame && event.atMs >= trouble.atMs && event.atMs <= trouble.atMs + withinMs;
}
