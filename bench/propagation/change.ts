import { sameResource, type ResourceVersion } from './programmed.ts';
import type { Note } from './trace.ts';
import type { TracedSite } from './traced-site.ts';

/** One change of a services file, followed from the rename to the acknowledgement of the last resource it changed. */
export interface Followed {
  readonly totalMs: number;
  /** Milliseconds of each step on the way, in order; they sum up to the total. */
  readonly steps: Readonly<Record<string, number>>;
  readonly resources: readonly ResourceVersion[];
}

export interface ChangeInit {
  /** Where the file is, and where the gateway is that must learn of it. */
  readonly from: TracedSite;
  readonly to: TracedSite;
  readonly service: string;
  readonly ready: boolean;
  /** Which resource must change; whatever else changes in the same snapshot is waited for too. */
  readonly resource: string;
}

const TIMEOUT_MS = 10_000;

interface Told {
  readonly site: string;
  readonly note: Note;
}

export async function followChange(init: ChangeInit): Promise<Followed> {
  const { from, to } = init;
  const told: Told[] = [];
  const stops = [...new Set([from, to])].map((site) => site.onNote((note) => told.push({ site: site.name, note })));
  const acknowledged = untilAcknowledged(to, init.resource);
  const startMs = from.services.change(init.service, init.ready);
  const { atMs: endMs, resources } = await acknowledged;
  // What is on its way from the other process, e.g. the confirmation of the commit, belongs to this change.
  for (const stop of stops) stop();
  return { totalMs: endMs - startMs, steps: stepsOf({ told, startMs, endMs, from: from.name, to: to.name }), resources };
}

/** Resolves when `to` acknowledged everything in the first snapshot that changes the resource. */
function untilAcknowledged(
  to: TracedSite,
  resource: string,
): Promise<{ readonly atMs: number; readonly resources: readonly ResourceVersion[] }> {
  let resources: readonly ResourceVersion[] = [];
  let open: readonly ResourceVersion[] = [];
  return to.until((note) => {
    if (note.is === 'snapshot' && resources.length === 0 && note.changed.some(({ name }) => name === resource)) {
      resources = note.changed;
      open = note.changed;
    }
    if (note.is !== 'acknowledged' || resources.length === 0) return undefined;
    open = open.filter((wanted) => !note.versions.some((version) => sameResource(version, wanted)));
    return open.length === 0 ? { atMs: note.atMs, resources } : undefined;
  }, TIMEOUT_MS);
}

interface StepsInput {
  readonly told: readonly Told[];
  readonly startMs: number;
  readonly endMs: number;
  readonly from: string;
  readonly to: string;
}

function stepsOf({ told, startMs, endMs, from, to }: StepsInput): Readonly<Record<string, number>> {
  const first = (site: string, matches: (note: Note) => boolean): number => {
    const found = told.find((one) => one.site === site && one.note.atMs >= startMs && matches(one.note));
    if (found === undefined) throw new Error(`${site} left out a step of the change`);
    return found.note.atMs;
  };
  const source = first(from, ({ is }) => is === 'source');
  const snapshot = first(to, ({ is }) => is === 'snapshot');
  const own = { 'file watch': source - startMs };
  if (from === to) {
    return { ...own, 'hold-off, derive': snapshot - source, 'xDS, Envoy, ACK': endMs - snapshot };
  }
  const derived = first(from, ({ is }) => is === 'derived');
  const commit = first(from, ({ is }) => is === 'commit');
  const version = told.find(({ note }) => note.is === 'commit' && note.atMs === commit)?.note;
  const hint = first(to, (note) => {
    return note.is === 'hint' && version?.is === 'commit' && note.cluster === from && note.version >= version.version;
  });
  const read = first(to, (note) => note.is === 'read' && note.cluster === from && note.atMs >= hint);
  const view = first(to, (note) => note.is === 'view' && note.cluster === from);
  return {
    ...own,
    'hold-off, derive': derived - source,
    'reserve version, sign': commit - derived,
    'commit to hint': hint - commit,
    'read delta': read - hint,
    verify: view - read,
    'hold-off, derive (east)': snapshot - view,
    'xDS, Envoy, ACK': endMs - snapshot,
  };
}
