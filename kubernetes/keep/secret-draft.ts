import { IsthmusError } from '../../runtime/errors.ts';
import { ROSTER_LIMITS } from '../../trust/roster.ts';
import { ForeignContentError, type KeptObject, octetsOf, utf8 } from './kept-object.ts';
import { pack, unpack } from './packed.ts';

/**
 * The roster that the authority signed last, in the Secret of its journal: two rosters of one version would part the
 * clusterset, whether a crash makes them or two replicas that both believe they lead. The API server lets one of them by.
 */
const BYTES_ENTRY = 'roster-draft.gz';
const VERSION_ENTRY = 'roster-draft-version';

export interface SignedDraft {
  readonly version: number;
  readonly bytes: Uint8Array;
}

export class RosterSignedElsewhereError extends IsthmusError {
  constructor(version: number, kept: number) {
    super('roster-signed-elsewhere', `another replica of this authority has signed roster ${kept}`, {
      fields: { version, kept },
    });
  }
}

export class SecretDraft {
  readonly #secret: KeptObject;

  constructor(components: { readonly secret: KeptObject }) {
    this.#secret = components.secret;
  }

  /** None or one. */
  async read(): Promise<readonly Uint8Array[]> {
    const packed = (await this.#secret.read())?.get(BYTES_ENTRY);
    if (packed === undefined) return [];
    const bytes = unpack(packed, ROSTER_LIMITS.bytesMax);
    if (bytes === undefined) throw new ForeignContentError(this.#secret.what, BYTES_ENTRY, 'is not a packed roster');
    return [bytes];
  }

  /** @throws RosterSignedElsewhereError when there is another one of this version or a higher one */
  async keep({ version, bytes }: SignedDraft): Promise<void> {
    const packed = pack(bytes);
    await this.#secret.change((data) => {
      const kept = Number(utf8(data?.get(VERSION_ENTRY) ?? octetsOf('0')));
      if (!Number.isSafeInteger(kept)) {
        throw new ForeignContentError(this.#secret.what, VERSION_ENTRY, 'is not a number');
      }
      const there = data?.get(BYTES_ENTRY);
      if (kept === version && there !== undefined && Buffer.compare(there, packed) === 0) return undefined;
      if (kept >= version) throw new RosterSignedElsewhereError(version, kept);
      return new Map(data).set(BYTES_ENTRY, packed).set(VERSION_ENTRY, octetsOf(String(version)));
    });
  }
}
