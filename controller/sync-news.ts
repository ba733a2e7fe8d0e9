import type { ClusterId } from '../federation/model/ids.ts';
import type { SyncEvent } from '../federation/sync/sync-event.ts';
import type { Clock } from '../runtime/clock.ts';
import { assertNever } from '../runtime/errors.ts';
import type { Logger } from '../runtime/log.ts';
import type { Roster } from '../trust/contract.ts';
import type { Engine } from './engine.ts';
import type { PeerBoard } from './peer-board.ts';
import type { Writer } from './writer.ts';

/** What the store's news mean for this controller: each fact goes to those whom it concerns, and nowhere else. */
export interface SyncNewsComponents {
  readonly clock: Clock;
  readonly log: Logger;
  readonly engine: Pick<Engine, 'update' | 'withView' | 'withoutView'>;
  readonly board: PeerBoard;
  readonly writer: Pick<Writer, 'withBeatInfo' | 'checkSoon'>;
}

export interface SyncNewsInit {
  readonly cluster: ClusterId;
  /** A member was read, or what a store serves of it was refused. */
  readonly onHeard: (cluster: ClusterId) => void;
  readonly onMembers: (active: readonly ClusterId[]) => void;
}

export interface StoreLink {
  readonly up: boolean;
  readonly message?: string;
  /** Monotonic ms. */
  readonly sinceMs: number;
}

export class SyncNews {
  readonly #components: SyncNewsComponents;
  readonly #init: SyncNewsInit;
  /** What was refused of each peer, until it is accepted again. */
  readonly #rejected = new Map<ClusterId, string>();
  #storeLink: StoreLink;

  constructor(components: SyncNewsComponents, init: SyncNewsInit) {
    this.#components = components;
    this.#init = init;
    this.#storeLink = { up: false, message: 'not asked yet', sinceMs: components.clock.monotonicMs() };
  }

  get storeLink(): StoreLink {
    return this.#storeLink;
  }

  get rejected(): ReadonlyMap<ClusterId, string> {
    return this.#rejected;
  }

  hear(event: SyncEvent): void {
    const { engine, board, log, writer } = this.#components;
    switch (event.kind) {
      case 'view':
        this.#rejected.delete(event.view.cluster);
        engine.withView(event.view);
        this.#init.onHeard(event.view.cluster);
        return;
      case 'beat':
        this.#rejected.delete(event.cluster);
        board.hear(event.cluster, { kind: 'head' });
        return;
      case 'rejected':
        this.#rejected.set(event.cluster, rejectionText(event));
        // What was refused on the own disk says nothing about what the store holds: that is still to be read.
        if (event.store !== undefined) this.#init.onHeard(event.cluster);
        return;
      case 'roster':
        this.#members(event.roster);
        return;
      case 'withdrawn':
        this.#rejected.delete(event.cluster);
        board.forget(event.cluster);
        engine.withoutView(event.cluster);
        this.#init.onHeard(event.cluster);
        return;
      case 'rosterRefused':
        log.warn('the roster in the store is refused', { ...event });
        return;
      case 'rosterWithheld':
        if (event.withheld !== undefined) log.warn('the store withholds a newer roster', { ...event.withheld });
        return;
      case 'ownHeadDoubt':
        writer.checkSoon();
        return;
      case 'storeUp':
        this.#linked({ up: true });
        return;
      case 'storeDown':
        this.#linked({ up: false, message: event.message });
        return;
      default:
        assertNever(event);
    }
  }

  #members(roster: Roster): void {
    const { engine, board, writer } = this.#components;
    const active = otherMembers(roster, this.#init.cluster);
    for (const cluster of active) board.know(cluster);
    engine.update({ roster });
    writer.withBeatInfo({ rosterSeen: roster.version, acks: {} });
    this.#init.onMembers(active);
  }

  #linked(link: Omit<StoreLink, 'sinceMs'>): void {
    this.#storeLink = { ...link, sinceMs: this.#components.clock.monotonicMs() };
    this.#components.board.storeLink(link.up ? 'up' : 'down');
  }
}

function rejectionText({ reason, message, store }: Extract<SyncEvent, { kind: 'rejected' }>): string {
  return `${reason}: ${message}${store === undefined ? '' : ` (in ${store})`}`;
}

/** In the order of the roster. */
function otherMembers(roster: Roster, self: ClusterId): readonly ClusterId[] {
  return roster.members.filter(({ status, cluster }) => status === 'active' && cluster !== self).map((m) => m.cluster);
}
