import { IsthmusError } from '../../../runtime/errors.ts';
import { StoreRefusedError, StoreUnavailableError } from '../contract.ts';
import { LoginRefusedError } from './dial-errors.ts';
import { ConnectionLostError, OversizedReplyError, RedisReplyError } from './reply.ts';

/** What a server's refusal means for who asked: one sentence, what to do, and whether waiting helps. */
interface Meaning {
  readonly what: string;
  readonly hint: string;
}

/** Waiting, or another server, may help. */
const UNAVAILABLE: Readonly<Record<string, Meaning>> = {
  LOADING: { what: 'is still loading its data', hint: 'it answers when it is done' },
  BUSY: { what: 'is busy with a script', hint: 'somebody runs a long script there: SCRIPT KILL' },
  MASTERDOWN: { what: 'has lost its primary', hint: 'start the primary, or let a Sentinel promote a replica' },
  CLUSTERDOWN: { what: 'says that the Redis Cluster is down', hint: 'look at CLUSTER INFO: are all slots served?' },
  READONLY: {
    what: 'is a replica and takes no writes',
    hint: 'name the primary, or its Sentinels: redis+sentinel://HOST:26379/MASTER',
  },
  OOM: { what: 'is out of memory and takes no writes', hint: 'raise maxmemory, or find what else fills it' },
  MISCONF: {
    what: 'cannot write to its disk and takes no writes',
    hint: 'look at its log: a full disk, or a folder it may not write to',
  },
  NOREPLICAS: {
    what: 'has too few replicas to take writes',
    hint: 'start the replicas that min-replicas-to-write asks for',
  },
  TRYAGAIN: { what: 'is moving the slot to another node', hint: 'it answers when the slot has moved' },
  ASK: { what: 'is moving the slot to another node', hint: 'it answers when the slot has moved' },
  MOVED: { what: 'is no single server but a node of a Redis Cluster', hint: 'use redis+cluster://HOST:PORT,HOST:PORT' },
  EXECABORT: { what: 'refuses the transaction', hint: 'look at the log of the server' },
};

/** Somebody has to do something. Attempts go on all the same, so that it heals without a restart. */
const REFUSED: Readonly<Record<string, Meaning>> = {
  NOAUTH: { what: 'wants a login', hint: 'add a user and password-file=FILE to the address' },
  WRONGPASS: {
    what: 'refuses the login: wrong user or password',
    hint: 'compare the user, and the file that password-file= names',
  },
  NOPERM: {
    what: 'refuses: this user may not do that',
    hint: 'print the rules that are needed with `isthmus store acl`',
  },
  DENIED: {
    what: 'is in protected mode and refuses clients of other hosts',
    hint: 'give it users and passwords: `isthmus store acl`',
  },
};

export interface HandshakeStep {
  readonly place: string;
  readonly step: string;
}

export function handshakeErrorOf(error: unknown, { place, step }: HandshakeStep): unknown {
  if (error instanceof ConnectionLostError && !error.isOurs) {
    const hint =
      'does it want TLS (rediss://) or a client certificate (cert=, key=), or is it no Redis or Valkey at all?';
    return new StoreUnavailableError(`${place} closes the connection before the login`, { hint });
  }
  if (!(error instanceof RedisReplyError)) return storeErrorOf(error, place);
  if (step === 'AUTH' && /without any password configured/.test(error.message)) {
    const hint = 'give the server users (`isthmus store acl`), or take the password out of the address';
    return new LoginRefusedError(`${place} has no password, and was given one`, { hint });
  }
  if (step === 'AUTH' && lookUp(REFUSED, error.code) === undefined && lookUp(UNAVAILABLE, error.code) === undefined) {
    // A server that does not know the command repeats what it was given: the password.
    return new LoginRefusedError(`${place} does not take a login`, { hint: 'is it Redis 7.0, Valkey 7.2, or later?' });
  }
  if (step === 'SELECT') {
    return new StoreRefusedError(`${place} does not have the database of the address`, { hint: error.message });
  }
  return storeErrorOf(error, place);
}

/** @param key what was asked for, for errors that concern its content */
export function storeErrorOf(error: unknown, place: string, key?: string): unknown {
  if (error instanceof IsthmusError) return error;
  if (error instanceof OversizedReplyError) {
    return new ExcessiveDataError(key ?? place);
  }
  if (error instanceof ConnectionLostError) {
    return new StoreUnavailableError(error.message, { hint: 'does the server run, and is the way to it open?' });
  }
  if (!(error instanceof RedisReplyError)) return error;
  if (error.code === 'WRONGTYPE') return foreignData(error.key ?? key ?? 'a key', 'it is of another type');
  const refused = lookUp(REFUSED, error.code);
  if (refused !== undefined) {
    const made = error.code === 'NOPERM' ? StoreRefusedError : LoginRefusedError;
    return new made(`${place} ${refused.what}`, { hint: refused.hint, fields: { server: said(error) } });
  }
  const { what, hint } = lookUp(UNAVAILABLE, error.code) ?? {
    what: `answers: ${said(error)}`,
    hint: 'look at the log of the server',
  };
  return new StoreUnavailableError(`${place} ${what}`, { hint, fields: { server: said(error) } });
}

/** Under our names lies what we have not written. It is not overwritten: it may be somebody's. */
export function foreignData(key: string, what: string): StoreRefusedError {
  return new StoreRefusedError(`${key} in the store is not readable as data of ours: ${what}`, {
    hint: `is another application using this name? If it is damaged, delete it (DEL '${key}'): its cluster publishes again`,
    fields: { key },
  });
}

/** More lies there than anything of ours may take. */
export class ExcessiveDataError extends StoreRefusedError {
  constructor(key: string) {
    super(`${key} in the store is larger than anything of ours may be`, {
      hint: `who may write there? If it is damaged, delete it (DEL '${key}'): its cluster publishes again`,
      fields: { key },
    });
  }
}

function lookUp(meanings: Readonly<Record<string, Meaning>>, code: string): Meaning | undefined {
  return Object.hasOwn(meanings, code) ? meanings[code] : undefined;
}

/** The server's words, bounded. They name commands and keys, never values. */
function said(error: RedisReplyError): string {
  return error.message.replace(/\.$/, '').slice(0, 160);
}
