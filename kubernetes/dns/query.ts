/** What came in, as far as it could be read. */
import type { Question, Rcode } from './message.ts';

/** Enough of a message to answer it, if only that it was not understood. */
export interface QueryHeader {
  readonly id: number;
  readonly opcode: number;
  readonly recursionDesired: boolean;
  readonly checkingDisabled: boolean;
}

/** RFC 6891. */
export interface Edns {
  /** What the client takes over UDP. */
  readonly payloadBytes: number;
  readonly version: number;
  /** Echoed, RFC 3225. Nothing here is signed. */
  readonly dnssecOk: boolean;
}

export interface Query {
  readonly header: QueryHeader;
  readonly question: Question;
  /** As it came: its letters may be a secret of the resolver (mixed case), which wants them back. */
  readonly questionBytes: Uint8Array;
  readonly edns: Edns | undefined;
}

export type Decoded =
  | { readonly kind: 'query'; readonly query: Query }
  /** To be answered with the header alone. */
  | { readonly kind: 'unfit'; readonly header: QueryHeader; readonly rcode: Rcode }
  /** Never answered: too short to say to whom, or an answer itself, which two servers could send back and forth for ever. */
  | { readonly kind: 'drop' };
