import { STORE_LIMITS } from '../federation/store/contract.ts';
import { readGenerations, writeGeneration } from '../federation/sync/generation-file.ts';
import { decodeKeptRoster, encodeKeptRoster } from '../federation/sync/last-good-codec.ts';
import type { Roster } from '../trust/contract.ts';
import { openRoster } from '../trust/roster.ts';

/**
 * The roster that the authority signed last, on disk before any store may see it. An attempt to publish it that no store
 * confirmed may have reached one all the same, and no signature comes out the same twice: without these octets a crash
 * in between would end in two rosters of one version.
 */
export interface SignedRoster {
  readonly roster: Roster;
  readonly bytes: Uint8Array;
}

/** Of the seal around the octets. */
const SEAL_BYTES_MAX = 1_024;

export class RosterDraft {
  readonly #path: string | undefined;
  readonly #root: Uint8Array;
  #newest: Promise<SignedRoster | undefined> | undefined;

  /** `path`: absent to keep it in memory alone. `root`: DER of the root that signs. */
  constructor(init: { readonly path?: string | undefined; readonly root: Uint8Array }) {
    this.#path = init.path;
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
    if (this.#path !== undefined) await writeGeneration(this.#path, encodeKeptRoster(draft.bytes));
    this.#newest = Promise.resolve(draft);
  }

  async #read(): Promise<SignedRoster | undefined> {
    if (this.#path === undefined) return undefined;
    const { current, previous } = await readGenerations(this.#path, STORE_LIMITS.rosterBytesMax + SEAL_BYTES_MAX);
    // Where the newer generation is missing or torn, it was not yet kept, and no store has seen it.
    for (const kept of [current, previous]) {
      const bytes = kept && decodeKeptRoster(kept);
      const opened = bytes && openRoster({ bytes, pinnedRoots: [this.#root] });
      if (bytes !== undefined && opened?.ok === true) return { roster: opened.value, bytes };
    }
    return undefined;
  }
}
