import type { JoinBoard, JoinRequest, LeaseBoard } from '../contract.ts';
import { STORE_LIMITS, StoreRefusedError } from '../contract.ts';
import { atMost, checkName, checkWhole } from '../limits.ts';
import type { Commands } from './commands.ts';
import { present, wholeFromWire } from './wire.ts';

/** Join board and leases of a store server. */
export function remoteJoinBoard(commands: Commands): JoinBoard {
  return {
    offer: async ({ tokenId, credential, expiresAtMs }) => {
      checkWhole('expiry of the token', expiresAtMs);
      await commands.unary('offerJoin', { tokenId, credential, expiresAtMs: BigInt(expiresAtMs) }, nothing);
    },
    request: async ({ tokenId, bytes }) => {
      atMost('join request in bytes', bytes.byteLength, STORE_LIMITS.joinBytesMax);
      await commands.unary('requestJoin', { tokenId, bytes }, nothing);
    },
    pending: () =>
      commands.unary('pendingJoins', {}, ({ requests }) =>
        requests.map(({ tokenId, bytes }): JoinRequest => ({ tokenId, bytes })),
      ),
    answer: async ({ tokenId, bytes }) => {
      atMost('join answer in bytes', bytes.byteLength, STORE_LIMITS.joinAnswerBytesMax);
      await commands.unary('answerJoin', { tokenId, bytes }, nothing);
    },
    answerFor: (tokenId) =>
      commands.unary('joinAnswer', { tokenId }, ({ found, bytes }) => (found ? present('answer', bytes) : undefined)),
  };
}

export function remoteLeaseBoard(commands: Commands): LeaseBoard {
  return {
    acquire: async (name, holder, ttlMs) => {
      checkName('lease name', name);
      checkName('lease holder', holder);
      if (!(ttlMs >= 1)) throw new StoreRefusedError('the duration of a lease is not at least 1 ms');
      atMost('duration of a lease in ms', ttlMs, STORE_LIMITS.leaseTtlMsMax);
      const request = { name, holder, ttlMs: BigInt(Math.floor(ttlMs)) };
      return commands.unary('acquireLease', request, (lease) => ({
        holder: lease.holder,
        transitions: wholeFromWire('lease transitions', lease.transitions),
        expiresInMs: wholeFromWire('lease expiry', lease.expiresInMs),
      }));
    },
    release: (name, holder) => commands.unary('releaseLease', { name, holder }, nothing),
  };
}

/** The answer is that there was one. */
export function nothing(): void {}
