import type { Clock } from '../../runtime/clock.ts';
import type { Logger } from '../../runtime/log.ts';
import type { Metrics } from '../../runtime/metrics.ts';
import type { Checked, Roster } from '../../trust/contract.ts';
import { openRoster } from '../../trust/roster.ts';
import type { ClusterId } from '../model/ids.ts';
import { sha256Hex } from '../model/sha256.ts';
import type { StoredRoster } from '../store/contract.ts';
import { type ListedStore, listStores, type Stores } from '../store/several.ts';
import { COMMAND_TIMEOUT_MS, withDeadline } from './deadline.ts';

/**
 * Follows the authority's list of members. A store may serve an old roster to hide a removal, so versions only go
 * up (across restarts too), and every head names the newest roster its writer has seen: a number above what all stores
 * serve us means that the newer one is withheld. Of several stores the newest valid roster wins; one that lags behind
 * another is no rollback, one that goes back behind what it served itself is.
 */
export interface RosterFollowerComponents {
  readonly store: Stores;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly marks: RosterMarks;
}

export interface RosterMark {
  readonly version: number;
  /** Hex sha256 of the stored bytes: another roster under the same version is equivocation. */
  readonly digest: string;
}

/** Where the newest version ever trusted is made durable before it is used (`Marks`). */
export interface RosterMarks {
  readonly roster: RosterMark | undefined;
  advanceRoster(mark: RosterMark): Promise<void>;
}

export interface RosterFollowerInit {
  /** Root certificates (DER) that this cluster was given when it joined, or later took on from a roster they signed. */
  readonly pinnedRoots: readonly Uint8Array[];
}

export interface FollowedRoster {
  readonly roster: Roster;
  /** As stored: what last-good keeps. */
  readonly bytes: Uint8Array;
}

export type RosterOutcome =
  | { readonly kind: 'newer'; readonly followed: FollowedRoster }
  | { readonly kind: 'unchanged' }
  /** Nothing there: unknown is not empty, the one we have stays in force. */
  | { readonly kind: 'absent' }
  /** Older than the one in force, which another store serves. */
  | { readonly kind: 'behind'; readonly served: number }
  | { readonly kind: 'refused'; readonly reason: string; readonly message: string };

export interface WithheldRoster {
  readonly served: number;
  readonly seen: number;
  /** Whose head named the higher version. */
  readonly by: ClusterId;
}

/** What one store answered. */
interface Source {
  readonly listed: ListedStore;
  /** The version that it last named; 0 for none. */
  named: number;
  /** The newest version of it that was found good. */
  served: number;
  refusedDigest: string | undefined;
  /** Since a peer named a newer roster than we have: whether this store has told what it serves. */
  since: 'waiting' | 'answered' | 'failed';
}

export class RosterFollower {
  readonly #components: RosterFollowerComponents;
  readonly #init: RosterFollowerInit;
  readonly #sources: readonly [Source, ...Source[]];
  #current: FollowedRoster | undefined;
  /** Of what came by another way than a store. */
  #refusedDigest: string | undefined;
  #seen: { readonly version: number; readonly by: ClusterId } | undefined;
  #withheld: WithheldRoster | undefined;

  constructor(components: RosterFollowerComponents, init: RosterFollowerInit) {
    this.#components = components;
    this.#init = init;
    const [first, ...others] = listStores(components.store);
    this.#sources = [source(first), ...others.map(source)];
  }

  get current(): FollowedRoster | undefined {
    return this.#current;
  }

  /** Version in force; 0 before there is one. What our heads say as `rosterSeen`. */
  get version(): number {
    return this.#current?.roster.version ?? 0;
  }

  /** Set while every store serves an older roster than a peer has verifiably seen. */
  get withheld(): WithheldRoster | undefined {
    return this.#withheld;
  }

  /** Takes what was kept on disk, so that a start with a dark store has members. Verified like any other. */
  restore(bytes: Uint8Array): Checked<Roster> {
    const opened = openRoster({ bytes, pinnedRoots: this.#init.pinnedRoots });
    if (opened.ok && opened.value.version > this.version) this.#current = { roster: opened.value, bytes };
    return opened;
  }

  /**
   * Asks the store at this place of the list.
   * @throws StoreUnavailableError when it cannot tell; the roster in force stays.
   */
  async refresh(signal?: AbortSignal, from = 0): Promise<RosterOutcome> {
    const { clock } = this.#components;
    const asked = this.#sources[from] ?? this.#sources[0];
    const { store } = asked.listed;
    let stored: StoredRoster | undefined;
    try {
      stored = await withDeadline(store.roster(), { clock, timeoutMs: COMMAND_TIMEOUT_MS, what: 'roster', signal });
    } catch (error) {
      asked.since = 'failed';
      throw error;
    }
    asked.named = stored?.version ?? 0;
    asked.since = 'answered';
    const outcome = stored === undefined ? ({ kind: 'absent' } as const) : await this.#consider(stored.bytes, asked);
    this.#judgeWithheld();
    return outcome;
  }

  /** Judges a roster that came by another way than a store. */
  adopt(bytes: Uint8Array): Promise<RosterOutcome> {
    return this.#consider(bytes, undefined);
  }

  /** The store at this place of the list, when it last answered, named an older roster than the one in force, or none. */
  isLackedBy(from: number): boolean {
    const { named = 0, since = 'waiting' } = this.#sources[from] ?? {};
    return since === 'answered' && named < this.version;
  }

  /** A verified head of `by` names roster `version`. @returns true when the stores should be asked for it. */
  noticed(by: ClusterId, version: number): boolean {
    if (version > (this.#seen?.version ?? 0)) {
      this.#seen = { version, by };
      if (version > this.version) for (const asked of this.#sources) asked.since = 'waiting';
    }
    return version > this.version;
  }

  async #consider(bytes: Uint8Array, asked: Source | undefined): Promise<RosterOutcome> {
    const digest = sha256Hex(bytes);
    if (this.#current !== undefined && Buffer.compare(bytes, this.#current.bytes) === 0) {
      if (asked !== undefined) asked.served = this.version;
      return { kind: 'unchanged' };
    }
    if (digest === (asked === undefined ? this.#refusedDigest : asked.refusedDigest)) return { kind: 'unchanged' };
    const checked = this.#check(bytes, digest);
    if (!checked.ok) return this.#judgedBad(checked, { bytes, digest, asked });
    const { version } = checked.value;
    await this.#components.marks.advanceRoster({ version, digest });
    if (asked !== undefined) asked.served = version;
    // While the mark was written, another store may have brought a newer one.
    if (version < this.version) return { kind: 'behind', served: version };
    this.#current = { roster: checked.value, bytes };
    this.#forgive(asked);
    this.#forgetStranger(checked.value);
    this.#components.metrics.gauge('isthmus_roster_version', 'Version of the roster in force').set(version);
    return { kind: 'newer', followed: this.#current };
  }

  #judgedBad(
    refusal: { readonly reason: string; readonly message: string },
    { bytes, digest, asked }: { bytes: Uint8Array; digest: string; asked: Source | undefined },
  ): RosterOutcome {
    const mayLag = refusal.reason === 'RosterRollback' && this.#sources.length > 1 && this.#current !== undefined;
    if (asked !== undefined && mayLag) {
      const opened = openRoster({ bytes, pinnedRoots: this.#init.pinnedRoots });
      const version = opened.ok ? opened.value.version : 0;
      if (version >= asked.served) {
        asked.served = version;
        return { kind: 'behind', served: version };
      }
    }
    if (asked === undefined) this.#refusedDigest = digest;
    else asked.refusedDigest = digest;
    return this.#refuse(refusal, asked?.listed.name);
  }

  #forgive(asked: Source | undefined): void {
    if (asked === undefined) this.#refusedDigest = undefined;
    else asked.refusedDigest = undefined;
  }

  /** A hostile member may have claimed any number: when it is put out, its word goes too. The others say theirs again. */
  #forgetStranger({ members }: Roster): void {
    const by = this.#seen?.by;
    if (!members.some(({ cluster, status }) => cluster === by && status === 'active')) this.#seen = undefined;
  }

  #check(bytes: Uint8Array, digest: string): Checked<Roster> {
    const opened = openRoster({ bytes, pinnedRoots: this.#init.pinnedRoots });
    if (!opened.ok) return opened;
    const { version } = opened.value;
    const mark = this.#components.marks.roster;
    const floor = Math.max(mark?.version ?? 0, this.version);
    if (version < floor) {
      return refused('RosterRollback', `the store serves roster ${version}, this cluster has trusted ${floor} before`);
    }
    if (mark !== undefined && version === mark.version && digest !== mark.digest) {
      return refused('RosterEquivocation', `two different rosters carry version ${version}, the first one stays`);
    }
    return opened;
  }

  #refuse(
    { reason, message }: { readonly reason: string; readonly message: string },
    store: string | undefined,
  ): RosterOutcome {
    this.#components.log.warn('a roster was refused, the one in force stays', { store, reason, detail: message });
    this.#components.metrics
      .counter('isthmus_roster_rejected_total', 'Rosters served by the store and refused', ['reason'])
      .add({ reason });
    return { kind: 'refused', reason, message };
  }

  /** Only after every store that can be asked has answered: a store that is down withholds nothing. */
  #judgeWithheld(): void {
    if (this.#sources.some(({ since }) => since === 'waiting')) return;
    const seen = this.#seen;
    const served = this.version;
    const withheld =
      seen !== undefined && seen.version > served ? { served, seen: seen.version, by: seen.by } : undefined;
    if (withheld !== undefined && this.#withheld === undefined) {
      this.#components.log.error('a newer roster is withheld', { ...withheld });
    }
    this.#withheld = withheld;
    this.#components.metrics
      .gauge('isthmus_roster_withheld', '1 while every store serves an older roster than peers have seen')
      .set(withheld === undefined ? 0 : 1);
  }
}

function refused(reason: string, message: string): Checked<never> {
  return { ok: false, reason, message };
}

function source(listed: ListedStore): Source {
  return { listed, named: 0, served: 0, refusedDigest: undefined, since: 'waiting' };
}
