import { STORE_LIMITS } from '../federation/store/contract.ts';
import { readGenerations, writeGeneration } from '../federation/sync/generation-file.ts';
import { decodeKeptRoster, encodeKeptRoster } from '../federation/sync/last-good-codec.ts';
import type { Roster } from '../trust/contract.ts';
import { openRoster } from '../trust/roster.ts';

/**
 * The roster that the authority signed last, kept before any store may see it. An attempt to publish it that no store
 * confirmed may have reached one all the same, and no signature comes out the same twice: without these octets a crash
 * in between would end in two rosters of one version.
 */
export interface SignedRoster {
  readonly roster: Roster;
  readonly bytes: Uint8Array;
}

/** Where the octets are kept. */
export interface DraftKeep {
  /** What may be the newest, that first; whether it is a roster the reader judges. */
  read(): Promise<readonly Uint8Array[]>;
  /** Returns when it would survive what may end this process. @throws when it cannot be kept, or is not the newest */
  keep(draft: { readonly version: number; readonly bytes: Uint8Array }): Promise<void>;
}

/** Of the seal around the octets. */
const SEAL_BYTES_MAX = 1_024;

/** In a file of the state folder. */
export class FileDraft implements DraftKeep {
  readonly #path: string;

  constructor(init: { readonly path: string }) {
    this.#path = init.path;
  }

  /** Where the newer generation is missing or torn, it was not yet kept, and no store has seen it. */
  async read(): Promise<readonly Uint8Array[]> {
    const { current, previous } = await readGenerations(this.#path, STORE_LIMITS.rosterBytesMax + SEAL_BYTES_MAX);
    return [current, previous].flatMap((kept) => (kept && decodeKeptRoster(kept)) ?? []);
  }

  async keep({ bytes }: { readonly bytes: Uint8Array }): Promise<void> {
    await writeGeneration(this.#path, encodeKeptRoster(bytes));
  }
}

export class RosterDraft {
  readonly #kept: DraftKeep | undefined;
  readonly #root: Uint8Array;
  #newest: Promise<SignedRoster | undefined> | undefined;

  /** `kept`: absent to keep it in memory alone. `root`: DER of the root that signs. */
  constructor(init: { readonly kept?: DraftKeep | undefined; readonly root: Uint8Array }) {
    this.#kept = init.kept;
    this.#root = init.root;
  }

  /** Published or not. Nothing before the first. @throws when the file is there and cannot be read */
  async newest(): Promise<SignedRoster | undefined> {
    const reading = (this.#newest ??= this.#read());
    try {
      return await reading;
    } catch (error) {
      this.#newest = undefined;
      throw error;
    }
  }

  /** Returns when it would survive a crash. */
  async keep(draft: SignedRoster): Promise<void> {
    try {
      await this.#kept?.keep({ version: draft.roster.version, bytes: draft.bytes });
    } catch (error) {
      // Another controller of this authority may have signed one meanwhile: read again before the next attempt.
      this.#newest = undefined;
      throw error;
    }
    this.#newest = Promise.resolve(draft);
  }

  async #read(): Promise<SignedRoster | undefined> {
    for (const bytes of (await this.#kept?.read()) ?? []) {
      const opened = openRoster({ bytes, pinnedRoots: [this.#root] });
      if (opened.ok) return { roster: opened.value, bytes };
    }
    return undefined;
  }
}
