import type { Lease, LeaseBoard } from '../contract.ts';
import type { LeaseEntry } from '../lease-rules.ts';
import { acquireLease, describeLease, releaseLease } from '../lease-rules.ts';
import { decodeLease, encodeLease, LEASE_FRAME_BYTES_MAX } from './board-frames.ts';
import type { Calls } from './calls.ts';
import type { RedisConnection } from './connection.ts';
import type { RedisKeys } from './keys.ts';
import type { RedisCommand, Reply } from './reply.ts';
import { bytesOf, listOf, numberOf } from './reply.ts';
import { foreignData } from './reply-errors.ts';
import { execute } from './transaction.ts';

/** Leases as values with the server's time in them: its clock alone judges. They never expire as keys, because `transitions` has to go on. */
export function redisLeaseBoard({ calls, keys }: { calls: Calls; keys: RedisKeys }): LeaseBoard {
  return {
    async acquire(name: string, holder: string, ttlMs: number): Promise<Lease> {
      // What makes no sense is refused before it is sent.
      acquireLease(undefined, { name, holder, ttlMs }, 0);
      const key = keys.lease(name);
      let lease: Lease | undefined;
      const work = (connection: RedisConnection): Promise<void> =>
        execute(connection, { watch: [key], read: lookAt(key) }, (replies) => {
          const nowMs = serverMs(replies[1]);
          const stored = leaseIn(replies[0], key);
          const entry = acquireLease(stored, { name, holder, ttlMs }, nowMs);
          lease = describeLease(entry, nowMs);
          return { changes: entry === stored ? [] : [['SET', key, encodeLease(entry)]] };
        });
      await calls.write(key, work, 'leases');
      return lease ?? describeLease({ holder: '', transitions: 0, expiresAtMs: 0 }, 0);
    },
    async release(name: string, holder: string): Promise<void> {
      const key = keys.lease(name);
      const work = (connection: RedisConnection): Promise<void> =>
        execute(connection, { watch: [key], read: lookAt(key) }, ([reply]) => {
          const stored = leaseIn(reply, key);
          const entry = releaseLease(stored, holder);
          return { changes: entry === undefined || entry === stored ? [] : [['SET', key, encodeLease(entry)]] };
        });
      await calls.write(key, work, 'leases');
    },
  };
}

export function readLease(key: string): RedisCommand {
  return ['GETRANGE', key, '0', String(LEASE_FRAME_BYTES_MAX)];
}

/** @throws StoreRefusedError when something else lies there */
export function leaseIn(reply: Reply | undefined, key: string): LeaseEntry | undefined {
  const frame = bytesOf(reply);
  if (frame === undefined || frame.byteLength === 0) return undefined;
  const entry = decodeLease(frame);
  if (entry === undefined) throw foreignData(key, 'it is no lease');
  return entry;
}

/** TIME: whole seconds and the microseconds beyond. @returns ms since 1970 */
export function serverMs(reply: Reply | undefined): number {
  const [seconds, microseconds] = listOf(reply);
  return numberOf(seconds) * 1_000 + Math.floor(numberOf(microseconds) / 1_000);
}

function lookAt(key: string): readonly RedisCommand[] {
  return [readLease(key), ['TIME']];
}
