import { compareText } from '../../model/ids.ts';
import type { JoinBoard, JoinRequest } from '../contract.ts';
import { STORE_LIMITS } from '../contract.ts';
import type { JoinEntry, JoinOffer } from '../join-rules.ts';
import { answerJoin, offerJoin, requestJoin } from '../join-rules.ts';
import { atMost } from '../limits.ts';
import type { Calls } from './calls.ts';
import type { AnswerLimits, RedisConnection } from './connection.ts';
import { COMMAND_TIMEOUT_MS } from './connection.ts';
import { serverMs } from './lease-board.ts';
import type { RedisKeys } from './keys.ts';
import { JOIN_NOTICE } from './notice-frame.ts';
import type { RedisCommand, Reply } from './reply.ts';
import { accepted, bytesOf, listOf, numberOf, textOf } from './reply.ts';
import { foreignData } from './reply-errors.ts';
import { execute } from './transaction.ts';

/**
 * The join board: a hash for each token, which the server takes away by itself an hour after the token's expiry, and an
 * index of tokens. The joiner's login may write any token's hash, so lengths are asked for before contents are read.
 */
export class RedisJoinBoard implements JoinBoard {
  readonly #calls: Calls;
  readonly #keys: RedisKeys;

  constructor(components: { calls: Calls; keys: RedisKeys }) {
    this.#calls = components.calls;
    this.#keys = components.keys;
  }

  async offer(offer: JoinOffer): Promise<void> {
    offerJoin(undefined, offer);
    const key = this.#keys.join(offer.tokenId);
    const retainedUntilMs = String(offer.expiresAtMs + STORE_LIMITS.joinRetentionMs);
    await this.#write(key, async ([reply], connection) => {
      const existing = entryIn(reply, offer.tokenId);
      const entry = offerJoin(existing, offer);
      if (existing === undefined) await this.#makeRoom(connection);
      return [
        ['HSET', key, 'credential', entry.credential, 'expiresAtMs', String(entry.expiresAtMs)],
        ['PEXPIREAT', key, retainedUntilMs],
        ['SADD', this.#keys.joinIndex, offer.tokenId],
      ];
    });
  }

  async request(request: JoinRequest): Promise<void> {
    const key = this.#keys.join(request.tokenId);
    await this.#write(key, async ([reply, time]) => {
      const existing = entryIn(reply, request.tokenId);
      const entry = requestJoin(existing, request, serverMs(time));
      return entry === existing ? [] : [['HSET', key, 'request', request.bytes]];
    });
  }

  async pending(): Promise<readonly JoinRequest[]> {
    const waiting = (await this.list()).filter(({ sizes }) => sizes.request > 0 && sizes.answer === 0);
    const readable = waiting
      .filter(({ sizes }) => sizes.request <= STORE_LIMITS.joinBytesMax)
      .map(({ tokenId }) => tokenId);
    const requests = await this.#calls.read(this.#keys.joinIndex, 'bulk', async (connection) => {
      const commands = readable.map((tokenId): RedisCommand => ['HGET', this.#keys.join(tokenId), 'request']);
      return commands.length === 0 ? [] : accepted(await connection.call(commands, REQUESTS_ANSWER));
    });
    return readable
      .flatMap((tokenId, at) => {
        const bytes = bytesOf(requests[at]);
        return bytes === undefined ? [] : [{ tokenId, bytes }];
      })
      .sort((left, right) => compareText(left.tokenId, right.tokenId));
  }

  async answer(answer: JoinRequest): Promise<void> {
    const key = this.#keys.join(answer.tokenId);
    await this.#write(key, async ([reply]) => {
      const entry = answerJoin(entryIn(reply, answer.tokenId), answer);
      return [['HSET', key, 'answer', entry.answer ?? answer.bytes]];
    });
  }

  async answerFor(tokenId: string): Promise<Uint8Array | undefined> {
    return this.#field(tokenId, 'answer');
  }

  async credentialOf(tokenId: string): Promise<Uint8Array | undefined> {
    return this.#field(tokenId, 'credential');
  }

  /** For people who look at the board: no contents. */
  async list(): Promise<readonly ListedJoin[]> {
    const index = this.#keys.joinIndex;
    return this.#calls.read(index, 'bulk', async (connection) => {
      const tokens = await readIndex(connection, index);
      const looks = tokens.flatMap((tokenId) => lookAtSizes(this.#keys.join(tokenId)));
      const replies = looks.length === 0 ? [] : accepted(await connection.call(looks, SIZES_ANSWER));
      return tokens.flatMap((tokenId, at) => listedIn(tokenId, replies.slice(at * LOOKS, (at + 1) * LOOKS)) ?? []);
    });
  }

  #field(tokenId: string, field: 'answer' | 'credential'): Promise<Uint8Array | undefined> {
    const key = this.#keys.join(tokenId);
    return this.#calls.read(key, 'bulk', async (connection) => {
      const [reply] = accepted(await connection.call([['HMGET', key, field]], ENTRY_ANSWER));
      return bytesOf(listOf(reply)[0]);
    });
  }

  async #write(
    key: string,
    decide: (replies: readonly Reply[], connection: RedisConnection) => Promise<readonly RedisCommand[]>,
  ): Promise<void> {
    const read: readonly RedisCommand[] = [['HMGET', key, ...ENTRY_FIELDS], ['TIME']];
    await this.#calls.write(key, (connection) =>
      execute(connection, { watch: [key], read, limits: ENTRY_ANSWER }, async (replies) => {
        const changes = await decide(replies, connection);
        if (changes.length === 0) return { changes };
        return {
          changes: [...changes, ['PUBLISH', this.#keys.notice, JOIN_NOTICE]],
          timeoutMs: ENTRY_ANSWER.timeoutMs,
        };
      }),
    );
  }

  /** Tokens whose hash the server has taken away still stand in the index; they are struck off when it is full. */
  async #makeRoom(connection: RedisConnection): Promise<void> {
    const index = this.#keys.joinIndex;
    const tokens = await readIndex(connection, index);
    if (tokens.length < STORE_LIMITS.joinsMax) return;
    const looks = tokens.map((tokenId): RedisCommand => ['HSTRLEN', this.#keys.join(tokenId), 'credential']);
    const sizes = accepted(await connection.call(looks, SIZES_ANSWER));
    const gone = tokens.filter((_, at) => numberOf(sizes[at]) === 0);
    atMost('number of join tokens', tokens.length - gone.length + 1, STORE_LIMITS.joinsMax);
    if (gone.length > 0) accepted(await connection.call([['SREM', index, ...gone]]));
  }
}

/** A token as it stands on the board, without its contents. */
export interface ListedJoin {
  readonly tokenId: string;
  readonly expiresAtMs: number;
  /** Octets; 0: there is none yet. */
  readonly sizes: { readonly request: number; readonly answer: number };
}

const ENTRY_FIELDS = ['credential', 'expiresAtMs', 'request', 'answer'];
const UPLOAD_BYTES_PER_MS = (1024 * 1024) / 1000;
const ENTRY_ANSWER: AnswerLimits = {
  bytesMax: STORE_LIMITS.joinAnswerBytesMax + STORE_LIMITS.joinBytesMax + 4_096,
  timeoutMs: COMMAND_TIMEOUT_MS + Math.ceil(STORE_LIMITS.joinAnswerBytesMax / UPLOAD_BYTES_PER_MS),
};
const INDEX_ANSWER: AnswerLimits = {
  bytesMax: 2 * STORE_LIMITS.joinsMax * (STORE_LIMITS.nameBytesMax + 16),
  timeoutMs: COMMAND_TIMEOUT_MS,
};
const SIZES_ANSWER: AnswerLimits = { bytesMax: 1024 * 1024, timeoutMs: COMMAND_TIMEOUT_MS };
const REQUESTS_ANSWER: AnswerLimits = {
  bytesMax: STORE_LIMITS.joinsMax * (STORE_LIMITS.joinBytesMax + 32),
  timeoutMs: COMMAND_TIMEOUT_MS,
};
const LOOKS = 3;

function lookAtSizes(key: string): readonly RedisCommand[] {
  return [
    ['HMGET', key, 'expiresAtMs'],
    ['HSTRLEN', key, 'request'],
    ['HSTRLEN', key, 'answer'],
  ];
}

function listedIn(tokenId: string, [expiry, request, answer]: readonly Reply[]): ListedJoin | undefined {
  const expiresAtMs = Number(textOf(listOf(expiry)[0]) || Number.NaN);
  if (!Number.isFinite(expiresAtMs)) return undefined;
  return { tokenId, expiresAtMs, sizes: { request: numberOf(request), answer: numberOf(answer) } };
}

async function readIndex(connection: RedisConnection, key: string): Promise<readonly string[]> {
  const [reply] = accepted(await connection.call([['SMEMBERS', key]], INDEX_ANSWER));
  return listOf(reply).flatMap((member) => bytesOf(member)?.toString() ?? []);
}

/** A joiner's request before there was an offer is none: without a credential nobody was allowed to ask. */
function entryIn(reply: Reply | undefined, tokenId: string): JoinEntry | undefined {
  const [credential, expiry, request, answer] = listOf(reply).map(bytesOf);
  if (credential === undefined) return undefined;
  const expiresAtMs = Number(expiry?.toString() ?? Number.NaN);
  if (!Number.isSafeInteger(expiresAtMs))
    throw foreignData(`the join token ${tokenId.slice(0, 80)}`, 'it has no expiry');
  return { tokenId, credential, expiresAtMs, request, answer };
}
