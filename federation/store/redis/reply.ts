/**
 * What a server says, as values. An error reply is one too, because within a pipeline or a transaction it concerns one
 * command only, and `MOVED`, `READONLY` and their like are news about the server rather than failures.
 */
export type Reply = Buffer | number | Nil | RedisReplyError | readonly Reply[];

/** RESP's nil, as the library hands it over. */
export type Nil = null;

export type RedisCommand = readonly [string, ...(string | Uint8Array)[]];

/** `code` is the first word of the text: `NOPERM`, `MOVED`, `OOM`. No arguments of the command are kept: one may be a password. */
export class RedisReplyError extends Error {
  readonly code: string;
  /** What the command was about. */
  readonly key: string | undefined;
  constructor(text: string, key?: string) {
    super(text.slice(0, 300));
    this.name = 'RedisReplyError';
    this.key = key;
    this.code = /^[A-Z]+(?= |$)/.exec(text)?.[0] ?? 'ERR';
  }
}

/** The connection ended before the answer: nobody knows whether the command was carried out. */
export class ConnectionLostError extends Error {
  /** It was cut by us: no answer in time, or an answer that does not end. Waiting for another would take as long. */
  readonly isOurs: boolean;
  constructor(message: string, details: { readonly isOurs: boolean; readonly cause?: unknown }) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'ConnectionLostError';
    this.isOurs = details.isOurs;
  }
}

/** An answer larger than what the question allows. Whoever wrote it cannot be read; everybody else can. */
export class OversizedReplyError extends ConnectionLostError {
  constructor(place: string, bytesMax: number) {
    super(`${place} sends more than the ${bytesMax} octets that an answer may have`, { isOurs: true });
    this.name = 'OversizedReplyError';
  }
}

/** The same replies. @throws RedisReplyError the first that is one, also within the answer of EXEC. */
export function accepted(replies: readonly Reply[]): readonly Reply[] {
  for (const reply of replies) {
    if (reply instanceof RedisReplyError) throw reply;
    if (Array.isArray(reply)) for (const inner of reply) if (inner instanceof RedisReplyError) throw inner;
  }
  return replies;
}

export function bytesOf(reply: Reply | undefined): Buffer | undefined {
  return Buffer.isBuffer(reply) ? reply : undefined;
}

export function listOf(reply: Reply | undefined): readonly Reply[] {
  return Array.isArray(reply) ? reply : [];
}

export function numberOf(reply: Reply | undefined): number {
  return typeof reply === 'number' ? reply : Number(bytesOf(reply)?.toString() ?? Number.NaN);
}

export function textOf(reply: Reply | undefined): string {
  return bytesOf(reply)?.toString() ?? (typeof reply === 'number' ? String(reply) : '');
}
