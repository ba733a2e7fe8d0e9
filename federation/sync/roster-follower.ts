import type { Clock } from '../../runtime/clock.ts';
import type { Logger } from '../../runtime/log.ts';
import type { Metrics } from '../../runtime/metrics.ts';
import type { Checked, Roster } from '../../trust/contract.ts';
import { openRoster } from '../../trust/roster.ts';
import type { ClusterId } from '../model/ids.ts';
import { sha256Hex } from '../model/sha256.ts';
import type { Store } from '../store/contract.ts';
import { COMMAND_TIMEOUT_MS, withDeadline } from './deadline.ts';

/**
 * Follows the authority's list of members. The store may serve an old roster to hide a removal, so versions only go
 * up (across restarts too), and every head names the newest roster its writer has seen: a number above what we are
 * served means that the store withholds one from us.
 */
export interface RosterFollowerComponents {
  readonly store: Store;
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
  | { readonly kind: 'refused'; readonly reason: string; readonly message: string };

export interface WithheldRoster {
  readonly served: number;
  readonly seen: number;
  /** Whose head named the higher version. */
  readonly by: ClusterId;
}

export class RosterFollower {
  readonly #components: RosterFollowerComponents;
  readonly #init: RosterFollowerInit;
  #current: FollowedRoster | undefined;
  #refusedDigest: string | undefined;
  #seen: { readonly version: number; readonly by: ClusterId } | undefined;
  #withheld: WithheldRoster | undefined;

  constructor(components: RosterFollowerComponents, init: RosterFollowerInit) {
    this.#components = components;
    this.#init = init;
  }

  get current(): FollowedRoster | undefined {
    return this.#current;
  }

  /** Version in force; 0 before there is one. What our heads say as `rosterSeen`. */
  get version(): number {
    return this.#current?.roster.version ?? 0;
  }

  /** Set while the store serves an older roster than a peer has verifiably seen. */
  get withheld(): WithheldRoster | undefined {
    return this.#withheld;
  }

  /** Takes what was kept on disk, so that a start with a dark store has members. Verified like any other. */
  restore(bytes: Uint8Array): Checked<Roster> {
    const opened = openRoster({ bytes, pinnedRoots: this.#init.pinnedRoots });
    if (opened.ok && opened.value.version > this.version) this.#current = { roster: opened.value, bytes };
    return opened;
  }

  /** Asks the store. @throws StoreUnavailableError when it cannot tell; the roster in force stays. */
  async refresh(signal?: AbortSignal): Promise<RosterOutcome> {
    const { store, clock } = this.#components;
    const stored = await withDeadline(store.roster(), { clock, timeoutMs: COMMAND_TIMEOUT_MS, what: 'roster', signal });
    const outcome = stored === undefined ? ({ kind: 'absent' } as const) : await this.#consider(stored.bytes);
    this.#judgeWithheld();
    return outcome;
  }

  /** Judges a roster that came by another way than the store. */
  adopt(bytes: Uint8Array): Promise<RosterOutcome> {
    return this.#consider(bytes);
  }

  /** A verified head of `by` names roster `version`. @returns true when the store should be asked for it. */
  noticed(by: ClusterId, version: number): boolean {
    if (version > (this.#seen?.version ?? 0)) this.#seen = { version, by };
    return version > this.version;
  }

  async #consider(bytes: Uint8Array): Promise<RosterOutcome> {
    const digest = sha256Hex(bytes);
    if (this.#current !== undefined && Buffer.compare(bytes, this.#current.bytes) === 0) return { kind: 'unchanged' };
    if (digest === this.#refusedDigest) return { kind: 'unchanged' };
    const checked = this.#check(bytes, digest);
    if (!checked.ok) {
      this.#refusedDigest = digest;
      return this.#refuse(checked);
    }
    await this.#components.marks.advanceRoster({ version: checked.value.version, digest });
    this.#current = { roster: checked.value, bytes };
    this.#refusedDigest = undefined;
    this.#components.metrics
      .gauge('isthmus_roster_version', 'Version of the roster in force')
      .set(checked.value.version);
    return { kind: 'newer', followed: this.#current };
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

  #refuse(refusal: { readonly reason: string; readonly message: string }): RosterOutcome {
    const { reason, message } = refusal;
    this.#components.log.warn('a roster was refused, the one in force stays', { reason, detail: message });
    this.#components.metrics
      .counter('isthmus_roster_rejected_total', 'Rosters served by the store and refused', ['reason'])
      .add({ reason });
    return { kind: 'refused', reason, message };
  }

  /** Only after the store has answered: a store that is down withholds nothing. */
  #judgeWithheld(): void {
    const seen = this.#seen;
    const served = this.version;
    const withheld =
      seen !== undefined && seen.version > served ? { served, seen: seen.version, by: seen.by } : undefined;
    if (withheld !== undefined && this.#withheld === undefined) {
      this.#components.log.error('the store withholds a newer roster', { ...withheld });
    }
    this.#withheld = withheld;
    this.#components.metrics
      .gauge('isthmus_roster_withheld', '1 while the store serves an older roster than peers have seen')
      .set(withheld === undefined ? 0 : 1);
  }
}

function refused(reason: string, message: string): Checked<never> {
  return { ok: false, reason, message };
}
