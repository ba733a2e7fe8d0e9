import { z } from 'zod';
import type { ClusterId } from '../federation/model/ids.ts';
import { encodeBase64Url } from './base64.ts';
import type { Secret } from './secret.ts';
import { clusterId, secretText, sha256Hex, tokenIdHex } from './wire-schema.ts';

/** What the authority remembers about its tokens: entries as they are journalled, and their sum. */
export interface Redemption {
  /** `keyName` of the CA key that was admitted. */
  readonly keyName: string;
  /**
   * The roster that admits it. Once the roster is there, a key that it no longer names was taken out on purpose, and
   * the old request, which a hostile store may present again, does not bring it back.
   */
  readonly rosterVersion: number;
}

export interface TokenState {
  readonly tokenId: string;
  readonly cluster: ClusterId;
  readonly secret: Secret;
  readonly expiresAtMs: number;
  /** Absent: not used yet. */
  readonly redemption?: Redemption | undefined;
}

export type JournalEntry =
  | ({ readonly kind: 'token-issued' } & Omit<TokenState, 'redemption'>)
  | ({ readonly kind: 'token-redeemed'; readonly tokenId: string; readonly atMs: number } & Redemption);

export type TokenLedger = ReadonlyMap<string, TokenState>;

export function foldEntries(entries: Iterable<JournalEntry>, before: TokenLedger = new Map()): TokenLedger {
  const ledger = new Map(before);
  for (const entry of entries) {
    if (entry.kind === 'token-issued') {
      const { kind: _, ...issued } = entry;
      ledger.set(issued.tokenId, issued);
      continue;
    }
    const issued = ledger.get(entry.tokenId);
    // The first redemption stands; one of a token that was never issued has nothing to allow.
    if (issued === undefined || issued.redemption !== undefined) continue;
    const { keyName, rosterVersion } = entry;
    ledger.set(entry.tokenId, { ...issued, redemption: { keyName, rosterVersion } });
  }
  return ledger;
}

const entrySchema: z.ZodType<JournalEntry> = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('token-issued'),
    tokenId: tokenIdHex,
    cluster: clusterId,
    secret: secretText,
    expiresAtMs: z.int(),
  }),
  z.strictObject({
    kind: z.literal('token-redeemed'),
    tokenId: tokenIdHex,
    keyName: sha256Hex,
    rosterVersion: z.int().min(1),
    atMs: z.int(),
  }),
]);

/** One line of the journal, with its secret: the journal is a private file. */
export function formatEntry(entry: JournalEntry): string {
  const plain = entry.kind === 'token-issued' ? { ...entry, secret: encodeBase64Url(entry.secret.reveal()) } : entry;
  return JSON.stringify(plain);
}

/** Undefined for a line that is not an entry. */
export function parseEntry(line: string): JournalEntry | undefined {
  try {
    return entrySchema.parse(JSON.parse(line));
  } catch {
    // Whether a bad line is a torn end or damage is for the journal to say; the line may hold a secret, so no quote.
    return undefined;
  }
}
