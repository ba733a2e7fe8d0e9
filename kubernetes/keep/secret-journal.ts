import type { TokenJournal } from '../../trust/journal.ts';
import { IsthmusError } from '../../runtime/errors.ts';
import type { Clock } from '../../runtime/clock.ts';
import { foldEntries, formatEntry, type JournalEntry, parseEntry, type TokenLedger } from '../../trust/token-ledger.ts';
import { ForeignContentError, type KeptData, type KeptObject, octetsOf, utf8, withKey } from './kept-object.ts';

/**
 * The authority's memory of its tokens in the Secret `isthmus-journal`, for controllers whose pods come and go. Like the file
 * (trust/journal.ts) it is written before anybody acts on it; unlike the file it may have two writers for a moment, an old
 * leader and a new one. Each append is therefore judged on what is there at that moment: of two redemptions of one token
 * the second is refused, whoever brings it.
 */
export const JOURNAL_ENTRY = 'authority.jsonl';
/** Above this the tokens that are long over are left out at the next append. A token takes 400 octets. */
const PRUNE_ABOVE_BYTES = 256 * 1024;
/** No token lives longer than a day, and its request leaves the board an hour later. Forgotten is refused, like used. */
const FORGET_AFTER_MS = 7 * 24 * 60 * 60 * 1000;

export class TokenUsedElsewhereError extends IsthmusError {
  constructor(tokenId: string) {
    super('token-used-elsewhere', 'another replica of this authority has redeemed the token', { fields: { tokenId } });
  }
}

export class SecretJournal implements TokenJournal {
  readonly #secret: KeptObject;
  readonly #clock: Pick<Clock, 'epochMs'>;
  #tokens: TokenLedger;
  /** A write of the API server is whole or not at all. */
  readonly tornBytes = 0;

  private constructor(components: SecretJournalComponents, tokens: TokenLedger) {
    this.#secret = components.secret;
    this.#clock = components.clock;
    this.#tokens = tokens;
  }

  /** @throws ForeignContentError, KubeApiError, KubeUnreachableError */
  static async open(components: SecretJournalComponents): Promise<SecretJournal> {
    const { secret } = components;
    return new SecretJournal(components, foldEntries(readEntries(await secret.read(), secret.what)));
  }

  get tokens(): TokenLedger {
    return this.#tokens;
  }

  /** Resolves when the API server has it. @throws TokenUsedElsewhereError; `tokens` then knows who used it */
  async append(entry: JournalEntry): Promise<void> {
    const written = await this.#secret.change((data) => this.#decide(data, entry));
    this.#tokens = foldEntries(readEntries(written, this.#secret.what));
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  #decide(data: KeptData | undefined, entry: JournalEntry): KeptData | undefined {
    const entries = readEntries(data, this.#secret.what);
    const line = formatEntry(entry);
    // An answer that was lost on its way: the entry is there, and this is the same one again.
    if (entries.some((one) => formatEntry(one) === line)) return undefined;
    this.#tokens = foldEntries(entries);
    const before = this.#tokens.get(entry.tokenId)?.redemption;
    if (entry.kind === 'token-redeemed' && before !== undefined) throw new TokenUsedElsewhereError(entry.tokenId);
    const text = [...this.#worthKeeping(entries), entry].map((one) => `${formatEntry(one)}\n`).join('');
    return withKey(data, JOURNAL_ENTRY, octetsOf(text));
  }

  #worthKeeping(entries: readonly JournalEntry[]): readonly JournalEntry[] {
    const bytes = entries.reduce((sum, entry) => sum + formatEntry(entry).length + 1, 0);
    if (bytes <= PRUNE_ABOVE_BYTES) return entries;
    const tokens = foldEntries(entries);
    const overMs = this.#clock.epochMs() - FORGET_AFTER_MS;
    return entries.filter(({ tokenId }) => (tokens.get(tokenId)?.expiresAtMs ?? 0) > overMs);
  }
}

export interface SecretJournalComponents {
  readonly secret: KeptObject;
  readonly clock: Pick<Clock, 'epochMs'>;
}

/** A line that cannot be read stops the authority: forgetting a redemption would let a token be used twice. */
function readEntries(data: KeptData | undefined, what: string): readonly JournalEntry[] {
  const octets = data?.get(JOURNAL_ENTRY);
  if (octets === undefined) return [];
  const lines = utf8(octets).split('\n');
  if (lines.at(-1) === '') lines.pop();
  return lines.map((line, index) => {
    const entry = parseEntry(line);
    if (entry === undefined) throw new ForeignContentError(what, JOURNAL_ENTRY, `has a damaged line ${index + 1}`);
    return entry;
  });
}
