import type { JoinRequest } from './contract.ts';
import { JoinRefusedError, STORE_LIMITS, StoreRefusedError } from './contract.ts';
import { atMost, checkName, checkWhole } from './limits.ts';

/**
 * The join board's rules as functions of one entry, so that every store keeps them alike: one request and one answer
 * per token, both repeatable after a lost reply, neither replaceable.
 */
export interface JoinOffer {
  readonly tokenId: string;
  readonly credential: Uint8Array;
  readonly expiresAtMs: number;
}

export interface JoinEntry extends JoinOffer {
  readonly request?: Uint8Array | undefined;
  readonly answer?: Uint8Array | undefined;
}

/** sha256 */
const CREDENTIAL_BYTES = 32;
const NEW_TOKEN_HINT = 'ask the authority for a new one: isthmus token create --cluster NAME';

export function offerJoin(existing: JoinEntry | undefined, offer: JoinOffer): JoinEntry {
  checkName('token id', offer.tokenId);
  checkWhole('expiry of the token', offer.expiresAtMs);
  if (offer.credential.byteLength !== CREDENTIAL_BYTES) {
    throw new StoreRefusedError('the credential of a token is not a sha256');
  }
  if (existing === undefined) return offer;
  if (!isEqual(existing.credential, offer.credential)) {
    throw new JoinRefusedError('the token was already offered with another credential');
  }
  return { ...existing, expiresAtMs: offer.expiresAtMs };
}

export function requestJoin(existing: JoinEntry | undefined, request: JoinRequest, nowMs: number): JoinEntry {
  atMost('join request in bytes', request.bytes.byteLength, STORE_LIMITS.joinBytesMax);
  if (existing === undefined) throw new JoinRefusedError('the token is unknown to the store', NEW_TOKEN_HINT);
  if (existing.request !== undefined) {
    if (isEqual(existing.request, request.bytes)) return existing;
    throw new JoinRefusedError('the token has been used for another request', NEW_TOKEN_HINT);
  }
  if (nowMs >= existing.expiresAtMs) throw new JoinRefusedError('the token has expired', NEW_TOKEN_HINT);
  return { ...existing, request: request.bytes };
}

export function answerJoin(existing: JoinEntry | undefined, answer: JoinRequest): JoinEntry {
  atMost('join answer in bytes', answer.bytes.byteLength, STORE_LIMITS.joinAnswerBytesMax);
  if (existing?.request === undefined) throw new JoinRefusedError('there is no request under this token');
  if (existing.answer !== undefined && !isEqual(existing.answer, answer.bytes)) {
    throw new JoinRefusedError('the request has already been answered otherwise');
  }
  return { ...existing, answer: answer.bytes };
}

/** Entries whose expiry lies at or before this are taken off the board. */
export function joinRetainedSinceMs(nowMs: number): number {
  return nowMs - STORE_LIMITS.joinRetentionMs;
}

function isEqual(left: Uint8Array, right: Uint8Array): boolean {
  return Buffer.compare(left, right) === 0;
}
