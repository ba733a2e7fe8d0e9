import { constants } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { Logger } from '../../../runtime/log.ts';
import type { Roster, RosterMember } from '../../../trust/contract.ts';
import { openPrivateFile, replacePrivateFile } from '../../../trust/private-file.ts';
import { openRoster } from '../../../trust/roster.ts';
import type { ClusterId } from '../../model/ids.ts';
import { isDnsLabel } from '../../model/ids.ts';
import type { Store, StoredRoster } from '../contract.ts';
import { StaleCommitError, StoreFileError, StoreRefusedError } from '../contract.ts';

/**
 * Whom the server serves: the members of the newest roster that verifies under the root it was claimed with. The
 * server believes no roster because the store holds it, as no reader of a roster does.
 */
const CLAIM_FILE = 'claim.json';

const claimSchema = z.strictObject({
  /** The authority: the cluster that claimed. */
  cluster: z.string().refine(isDnsLabel),
  /** DER in base64. */
  root: z.base64().max(16 * 1024),
});
type ClaimRecord = z.infer<typeof claimSchema>;

export interface Claim {
  readonly cluster: ClusterId;
  /** DER. */
  readonly root: Uint8Array;
  readonly roster: StoredRoster;
}

export class Membership {
  readonly #store: Store;
  readonly #log: Logger;
  readonly #folder: string;
  #claim: ClaimRecord | undefined;
  #roster: Roster | undefined;
  #onChange: () => void = () => undefined;

  static async load(components: { store: Store; log: Logger }, init: { folder: string }): Promise<Membership> {
    const membership = new Membership(components, init, await loadClaim(init.folder));
    await membership.refresh();
    return membership;
  }

  private constructor(
    components: { store: Store; log: Logger },
    init: { folder: string },
    claim: ClaimRecord | undefined,
  ) {
    this.#store = components.store;
    this.#log = components.log;
    this.#folder = init.folder;
    this.#claim = claim;
  }

  get isClaimed(): boolean {
    return this.#claim !== undefined;
  }

  get clustersetDomain(): string | undefined {
    return this.#roster?.clustersetDomain;
  }

  /** Undefined for clusters that are unknown, quarantined or removed: they have nothing to do here. */
  activeMember(cluster: ClusterId): RosterMember | undefined {
    return this.#roster?.members.find((member) => member.cluster === cluster && member.status === 'active');
  }

  isAuthority(cluster: ClusterId): boolean {
    return this.#claim?.cluster === cluster;
  }

  /** Called after each change of the roster. */
  onChange(listener: () => void): void {
    this.#onChange = listener;
  }

  /** Takes the store's roster up if it is newer and verifies; one that does not leaves the members as they were. */
  async refresh(): Promise<void> {
    const stored = await this.#store.roster();
    if (this.#claim === undefined || stored === undefined || stored.version <= (this.#roster?.version ?? -1)) return;
    const opened = this.#open(this.#claim, stored);
    if (!opened.ok) {
      this.#log.error('the stored roster is refused, members stay as they were', {
        ...opened,
        version: stored.version,
      });
      return;
    }
    this.#roster = opened.value;
    this.#onChange();
  }

  /** What the authority wants to write: refused here rather than by every reader. */
  async putRoster(roster: StoredRoster): Promise<void> {
    if (this.#claim === undefined) throw new StoreRefusedError('the store server has not been claimed');
    const opened = this.#open(this.#claim, roster);
    if (!opened.ok) throw new StoreRefusedError(`the roster is refused: ${opened.message}`, { fields: { ...opened } });
    await this.#store.putRoster(roster);
    await this.refresh();
  }

  /** Once. The same claim again is fine, because the answer to the first may have been lost. */
  async claim({ cluster, root, roster }: Claim): Promise<void> {
    const record = { cluster, root: Buffer.from(root).toString('base64') };
    if (this.#claim !== undefined && (this.#claim.cluster !== cluster || this.#claim.root !== record.root)) {
      throw new StoreRefusedError('the store server already belongs to another root or authority', {
        hint: 'use a store server of your own, or remove this one with its state folder',
      });
    }
    const opened = this.#open(record, roster);
    if (!opened.ok) throw new StoreRefusedError(`the roster is refused: ${opened.message}`, { fields: { ...opened } });
    if (!opened.value.members.some((member) => member.cluster === cluster && member.status === 'active')) {
      throw new StoreRefusedError(`cluster ${cluster} is no active member of the roster that it claims with`);
    }
    // Before the roster, so that a crash in between leaves a claim that can be repeated, not a roster without owner.
    await replacePrivateFile(this.#folder, CLAIM_FILE, JSON.stringify(record));
    this.#claim = record;
    await this.#store.putRoster(roster).catch(ignoreStale);
    await this.refresh();
  }

  #open(claim: ClaimRecord, stored: StoredRoster): ReturnType<typeof openRoster> {
    const root = new Uint8Array(Buffer.from(claim.root, 'base64'));
    const opened = openRoster({ bytes: stored.bytes, pinnedRoots: [root] });
    if (!opened.ok) return opened;
    const { version, clustersetDomain } = opened.value;
    if (version !== stored.version) {
      return { ok: false, reason: 'RosterVersion', message: `it has version ${version}, not ${stored.version}` };
    }
    if (this.#roster !== undefined && this.#roster.clustersetDomain !== clustersetDomain) {
      return { ok: false, reason: 'RosterDomain', message: `it is for another clusterset, ${clustersetDomain}` };
    }
    return opened;
  }
}

/** The store may have this roster or a newer one already: from an earlier attempt, or from before this server's state. */
function ignoreStale(error: unknown): void {
  if (!(error instanceof StaleCommitError)) throw error;
}

async function loadClaim(folder: string): Promise<ClaimRecord | undefined> {
  const file = await openPrivateFile(join(folder, CLAIM_FILE), constants.O_RDONLY);
  if (file === undefined) return undefined;
  try {
    return claimSchema.parse(JSON.parse(await file.readFile('utf8')));
  } catch (cause) {
    throw new StoreFileError(`${join(folder, CLAIM_FILE)} is damaged`, {
      cause,
      hint: 'restore it from a backup, or move it away and claim the store server anew with its claim secret',
    });
  } finally {
    await file.close();
  }
}
