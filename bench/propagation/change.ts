import { sameResource, type ResourceVersion } from './programmed.ts';
import type { Note } from './trace.ts';
import type { Noting } from './noting.ts';

/** One change of a service, followed from there to the acknowledgement of the resource that it is about. */
export interface Followed {
  readonly totalMs: number;
  /** Until everything that changed with it was acknowledged as well. */
  readonly everythingMs: number;
  /** Milliseconds of each step on the way, in order; they sum up to the total. */
  readonly steps: Readonly<Record<string, number>>;
  readonly resources: readonly ResourceVersion[];
}

/** A site whose services can be changed; `change` says when. */
export interface ChangingSite extends Noting {
  readonly services: { change(service: string, ready: boolean): number };
  /** Name of the step from the change to the source's new view. */
  readonly firstStep: string;
}

export interface ChangeInit {
  /** Where the service is, and where the gateway is that must learn of it. */
  readonly from: ChangingSite;
  readonly to: Noting;
  readonly service: string;
  readonly ready: boolean;
  /** Name of the resource whose acknowledgement counts. */
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
  const stops = [...new Set<Noting>([from, to])].map((site) =>
    site.onNote((note) => told.push({ site: site.name, note })),
  );
  const acknowledged = untilAcknowledged(to, init.resource);
  const startMs = from.services.change(init.service, init.ready);
  const {
    wantedAtMs: endMs,
    allAtMs,
    resources,
  } = await acknowledged.finally(() => {
    for (const stop of stops) stop();
  });
  return {
    totalMs: endMs - startMs,
    everythingMs: allAtMs - startMs,
    steps: stepsOf({ told, startMs, endMs, firstStep: from.firstStep, from: from.name, to: to.name }),
    resources,
  };
}

interface Acknowledged {
  readonly wantedAtMs: number;
  readonly allAtMs: number;
  readonly resources: readonly ResourceVersion[];
}

/** Resolves when `to` acknowledged everything in the first snapshot that changes the resource. */
function untilAcknowledged(to: Noting, resource: string): Promise<Acknowledged> {
  let resources: readonly ResourceVersion[] = [];
  let open: readonly ResourceVersion[] = [];
  let wantedAtMs: number | undefined;
  return to.until((note) => {
    if (note.is === 'snapshot' && resources.length === 0 && note.changed.some(({ name }) => name === resource)) {
      resources = note.changed;
      open = note.changed;
    }
    if (note.is !== 'acknowledged' || resources.length === 0) return undefined;
    open = open.filter((wanted) => !note.versions.some((version) => sameResource(version, wanted)));
    if (!open.some(({ name }) => name === resource)) wantedAtMs ??= note.atMs;
    if (open.length > 0 || wantedAtMs === undefined) return undefined;
    return { wantedAtMs, allAtMs: note.atMs, resources };
  }, TIMEOUT_MS);
}

interface StepsInput {
  readonly told: readonly Told[];
  readonly startMs: number;
  readonly endMs: number;
  readonly firstStep: string;
  readonly from: string;
  readonly to: string;
}

function stepsOf({ told, startMs, endMs, firstStep, from, to }: StepsInput): Readonly<Record<string, number>> {
  const first = (site: string, matches: (note: Note) => boolean): Note => {
    const found = told.find((one) => one.site === site && one.note.atMs >= startMs && matches(one.note));
    if (found === undefined) throw new Error(`${site} left out a step of the change`);
    return found.note;
  };
  const source = first(from, ({ is }) => is === 'source');
  const path = from === to ? [] : federated(first, from, to);
  const snapshot = first(to, ({ is, atMs }) => is === 'snapshot' && atMs >= (path.at(-1)?.[1] ?? source.atMs));
  const stamps: readonly Stamp[] = [
    [firstStep, source.atMs],
    ...path,
    [from === to ? 'hold-off, derive' : 'hold-off, derive there', snapshot.atMs],
    ['xDS, Envoy, ACK', endMs],
  ];
  return Object.fromEntries(stamps.map(([step, atMs], index) => [step, atMs - (stamps[index - 1]?.[1] ?? startMs)]));
}

/** A step, and when it ended. */
type Stamp = readonly [step: string, atMs: number];

/** From the view of the source in one site to the view of that site in the other. */
function federated(
  first: (site: string, matches: (note: Note) => boolean) => Note,
  from: string,
  to: string,
): readonly Stamp[] {
  const derived = first(from, ({ is }) => is === 'derived');
  const commit = first(from, ({ is }) => is === 'commit');
  const version = commit.is === 'commit' ? commit.version : 0;
  const hint = first(to, (note) => note.is === 'hint' && note.cluster === from && note.version >= version);
  const after = (is: 'read' | 'accepted' | 'view', atMs: number): Note =>
    first(to, (note) => note.is === is && note.cluster === from && note.atMs >= atMs);
  const read = after('read', hint.atMs);
  const accepted = after('accepted', read.atMs);
  return [
    ['hold-off, derive', derived.atMs],
    ['reserve version, sign', commit.atMs],
    ['commit to hint', hint.atMs],
    ['read delta', read.atMs],
    ['verify', accepted.atMs],
    ['mark on disk', after('view', accepted.atMs).atMs],
  ];
}
