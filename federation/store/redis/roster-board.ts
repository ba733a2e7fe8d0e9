import type { StoredRoster } from '../contract.ts';
import { checkRosterVersion } from '../fencing.ts';
import {
  decodeRoster,
  decodeRosterVersion,
  encodeRoster,
  ROSTER_FRAME_BYTES_MAX,
  ROSTER_VERSION_BYTES,
} from './board-frames.ts';
import type { Calls } from './calls.ts';
import { COMMAND_TIMEOUT_MS } from './connection.ts';
import type { RedisKeys } from './keys.ts';
import { ROSTER_NOTICE } from './notice-frame.ts';
import type { Reply } from './reply.ts';
import { accepted, bytesOf } from './reply.ts';
import { foreignData } from './reply-errors.ts';
import { execute } from './transaction.ts';

/** The roster: one value, whose version grows. */
export class RosterBoard {
  readonly #calls: Calls;
  readonly #keys: RedisKeys;

  constructor(components: { calls: Calls; keys: RedisKeys }) {
    this.#calls = components.calls;
    this.#keys = components.keys;
  }

  async roster(): Promise<StoredRoster | undefined> {
    const key = this.#keys.roster;
    return this.#calls.read(key, 'bulk', async (connection) => {
      const [reply] = accepted(await connection.call([['GETRANGE', key, '0', String(ROSTER_FRAME_BYTES_MAX)]], ANSWER));
      const frame = bytesOf(reply);
      if (frame === undefined || frame.byteLength === 0) return undefined;
      const roster = decodeRoster(frame);
      if (roster === undefined) throw foreignData(key, 'it is no roster');
      return roster;
    });
  }

  async putRoster(roster: StoredRoster): Promise<void> {
    const key = this.#keys.roster;
    const frame = encodeRoster(roster);
    await this.#calls.write(key, async (connection, attempt) => {
      // An earlier attempt, whose answer was lost, may have written just this.
      if (attempt > 1) {
        const [reply] = accepted(
          await connection.call([['GETRANGE', key, '0', String(ROSTER_FRAME_BYTES_MAX)]], ANSWER),
        );
        if (bytesOf(reply)?.equals(frame) === true) return;
      }
      const read = [['GETRANGE', key, '0', String(ROSTER_VERSION_BYTES - 1)]] as const;
      await execute(connection, { watch: [key], read }, ([reply]) => {
        checkRosterVersion(versionIn(reply, key), roster.version);
        return {
          changes: [
            ['SET', key, frame],
            ['PUBLISH', this.#keys.notice, ROSTER_NOTICE],
          ],
          timeoutMs: ANSWER.timeoutMs + Math.ceil(frame.byteLength / UPLOAD_BYTES_PER_MS),
        };
      });
    });
  }
}

const ANSWER = { bytesMax: ROSTER_FRAME_BYTES_MAX, timeoutMs: COMMAND_TIMEOUT_MS };
/** 1 MiB/s, as for commits. */
const UPLOAD_BYTES_PER_MS = (1024 * 1024) / 1000;

function versionIn(reply: Reply | undefined, key: string): number | undefined {
  const beginning = bytesOf(reply);
  if (beginning === undefined || beginning.byteLength === 0) return undefined;
  const version = decodeRosterVersion(beginning);
  if (version === undefined) throw foreignData(key, 'it is no roster');
  return version;
}
