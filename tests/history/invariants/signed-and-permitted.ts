import { canonicalText } from '../canonical-text.ts';
import type { Endpoint, EventOf, History } from '../events.ts';
import { eventsOf } from '../events.ts';
import type { Invariant, Violation } from '../invariant.ts';
import { judge } from '../invariant.ts';

/**
 * Whatever a reader believes of a cluster, that cluster signed it in exactly this form, and the reader's rules allow it.
 * The same for what reached an Envoy, where the suite looked into one, and for rosters.
 */
export const SIGNED_AND_PERMITTED: Invariant = {
  id: 'I3',
  promise: 'every remote endpoint in any Envoy was signed by its origin and permitted by the importer',
  check: (history) => {
    const signed = new SignedStates(eventsOf(history, 'published'));
    const rosters = new Set(eventsOf(history, 'rosterSigned').map(({ version, digest }) => `${version} ${digest}`));
    const violations: Violation[] = [];
    const blame = (atMs: number, message: string | undefined): void => {
      if (message !== undefined) violations.push({ atMs, message });
    };
    const envoys = eventsOf(history, 'envoy');
    const applied = eventsOf(history, 'applied');
    for (const event of applied) blame(event.atMs, signed.objection(event));
    for (const event of envoys) {
      for (const endpoint of event.endpoints) blame(event.atMs, signed.endpointObjection(event, endpoint));
    }
    for (const { atMs, reader, version, digest } of eventsOf(history, 'roster')) {
      if (!rosters.has(`${version} ${digest}`)) blame(atMs, `${reader} trusts roster ${version}, which nobody signed`);
    }
    blameIncarnations(history, blame);
    const unseen = envoys.length === 0 ? ['the endpoints inside an Envoy'] : [];
    return judge(applied.length + envoys.length, violations, 'no reader applied anything', unseen);
  },
};

class SignedStates {
  readonly #states = new Map<string, EventOf<'published'>>();
  /** `cluster host:port` -> allowed at least once. */
  readonly #endpoints = new Map<string, boolean>();

  constructor(published: readonly EventOf<'published'>[]) {
    for (const event of published) {
      this.#states.set(stateKey(event), event);
      for (const endpoint of event.gateways ?? []) {
        const key = endpointKey(event.cluster, endpoint);
        this.#endpoints.set(key, this.#endpoints.get(key) === true || event.forbidden === undefined);
      }
    }
  }

  objection(applied: EventOf<'applied'>): string | undefined {
    const what = `${applied.reader} applied version ${applied.order.version} beat ${applied.order.beat} of ${applied.cluster}`;
    const state = this.#states.get(stateKey(applied));
    if (state === undefined) return `${what}, digest ${applied.digest.slice(0, 8)}, which it never signed`;
    if (state.forbidden !== undefined) return `${what}, which the rule forbids: ${state.forbidden}`;
    const isSame =
      applied.records === undefined ||
      state.records === undefined ||
      canonicalText(applied.records) === canonicalText(state.records);
    return isSame ? undefined : `${what} with other records than it signed`;
  }

  endpointObjection(event: EventOf<'envoy'>, endpoint: Endpoint): string | undefined {
    const isAllowed = this.#endpoints.get(endpointKey(event.origin, endpoint));
    if (isAllowed === true) return undefined;
    const what = `${event.gateway} sends to ${endpoint.host}:${endpoint.port} for ${event.origin}`;
    return isAllowed === undefined ? `${what}, which it never signed` : `${what}, which the rule forbids`;
  }
}

/** A state of another life than the one that the reader's roster names is a replay, however well signed. */
function blameIncarnations(history: History, blame: (atMs: number, message: string) => void): void {
  const rosters = new Map<string, EventOf<'roster'>>();
  const known = new Map<string, EventOf<'roster'>>();
  for (const event of history) {
    if (event.kind === 'roster') {
      rosters.set(event.reader, event);
      known.set(`${event.reader} ${event.version}`, event);
    }
    if (event.kind !== 'applied') continue;
    const roster =
      event.roster === undefined ? rosters.get(event.reader) : known.get(`${event.reader} ${event.roster}`);
    if (roster === undefined) continue;
    const incarnation = Object.hasOwn(roster.members, event.cluster) ? roster.members[event.cluster] : undefined;
    if (incarnation === event.order.incarnation) continue;
    const listed = incarnation === undefined ? 'no active member' : `in incarnation ${incarnation}`;
    const what = `${event.reader} applied incarnation ${event.order.incarnation} of ${event.cluster}`;
    blame(event.atMs, `${what}, which is ${listed} by its roster`);
  }
}

function stateKey({ cluster, order, digest }: EventOf<'published'> | EventOf<'applied'>): string {
  const { incarnation, epoch, writerId, version, beat } = order;
  return JSON.stringify([cluster, incarnation, epoch, writerId, version, beat, digest]);
}

function endpointKey(cluster: string, { host, port }: Endpoint): string {
  return `${cluster} ${host}:${port}`;
}
