import { z } from 'zod';
import { IsthmusError } from '../../../runtime/errors.ts';
import {
  FencedError,
  JoinRefusedError,
  StaleCommitError,
  StoreLimitError,
  StoreRefusedError,
  StoreUnavailableError,
} from '../contract.ts';
import { STATUS } from './service.ts';

/**
 * The contract's errors across the wire: a gRPC status for anybody's tools, and the error itself as JSON in a trailer
 * for our client, so that `FencedError` is a `FencedError` on both sides. The server's word is not trusted: what does
 * not parse is an unavailable store, never an exception of another kind.
 */
const ERROR_BYTES_MAX = 8 * 1024;

const whole = z.number().int().nonnegative();
const orderSchema = z.object({ incarnation: whole, epoch: whole, writerId: z.string(), version: whole, beat: whole });
const errorSchema = z.object({
  code: z.string().max(64),
  message: z.string().max(1_000),
  hint: z.string().max(1_000).optional(),
  fields: z.record(z.string(), z.unknown()),
});
type WireError = z.infer<typeof errorSchema>;

/** The session is missing, unknown or over: log in and try again. Never leaves this folder. */
export class SessionRefusedError extends IsthmusError {
  /** At the client: what the server gave for the next login. */
  readonly nonce: Uint8Array | undefined;

  constructor(message: string, nonce?: Uint8Array) {
    super('session-refused', message);
    this.nonce = nonce;
  }
}

/** The call failed before the server had a say: the connection is of no more use. To callers an unavailable store. */
export class ServerUnreachableError extends StoreUnavailableError {}

/** Names of gRPC status codes. */
type StatusName =
  | 'INVALID_ARGUMENT'
  | 'PERMISSION_DENIED'
  | 'RESOURCE_EXHAUSTED'
  | 'FAILED_PRECONDITION'
  | 'ABORTED'
  | 'INTERNAL'
  | 'UNAVAILABLE'
  | 'UNAUTHENTICATED';

/** What a call ends with. */
export interface WireStatus {
  readonly code: StatusName;
  readonly details: string;
  /** For the trailer `isthmus-error-bin`. */
  readonly error: Uint8Array;
}

export function errorToWire(error: unknown): WireStatus {
  const known = error instanceof IsthmusError ? error : undefined;
  // Anything else is a bug of ours; its text may say things that are not for the other side.
  const message = known?.message ?? 'the store server failed';
  const body = { code: known?.code ?? 'internal', message, hint: known?.hint, fields: known?.fields ?? {} };
  const octets = new TextEncoder().encode(JSON.stringify(body));
  const bare = new TextEncoder().encode(JSON.stringify({ ...body, fields: {} }));
  return { code: statusOf(known?.code), details: message, error: octets.length > ERROR_BYTES_MAX ? bare : octets };
}

function statusOf(code: string | undefined): StatusName {
  switch (code) {
    case 'fenced':
    case 'join-refused':
      return 'FAILED_PRECONDITION';
    case 'stale-commit':
      return 'ABORTED';
    case 'store-limit':
      return 'RESOURCE_EXHAUSTED';
    case 'store-refused':
      return 'PERMISSION_DENIED';
    case 'invalid-name':
      return 'INVALID_ARGUMENT';
    case 'session-refused':
      return 'UNAUTHENTICATED';
    case 'store-unavailable':
    case 'store-file':
      return 'UNAVAILABLE';
    case undefined:
    default:
      return 'INTERNAL';
  }
}

/** The error behind a status. `place` is the server's HOST:PORT. */
export function errorFromWire(
  status: {
    readonly code: number;
    readonly details: string;
    readonly error: Uint8Array | undefined;
    readonly nonce: Uint8Array | undefined;
  },
  place: string,
): IsthmusError {
  const wire = parseWireError(status.error);
  if (status.code === STATUS.unauthenticated) {
    return new SessionRefusedError(wire?.message ?? 'the store server wants a login', status.nonce);
  }
  const known = wire && knownError(wire, place);
  if (known !== undefined) return known;
  return new ServerUnreachableError(`the store server at ${place} cannot be used: ${status.details.slice(0, 200)}`, {
    fields: { status: status.code },
  });
}

function parseWireError(octets: Uint8Array | undefined): WireError | undefined {
  if (octets === undefined || octets.length > ERROR_BYTES_MAX) return undefined;
  try {
    return errorSchema.safeParse(JSON.parse(new TextDecoder().decode(octets))).data;
  } catch {
    // Not JSON: as good as absent, the status still says that the call failed.
    return undefined;
  }
}

function knownError({ code, message, hint, fields }: WireError, place: string): IsthmusError | undefined {
  switch (code) {
    case 'fenced': {
      const stored = orderSchema.safeParse(fields['stored']);
      return stored.success ? new FencedError(stored.data) : undefined;
    }
    case 'stale-commit':
      return new StaleCommitError(message, fields);
    case 'join-refused':
      return new JoinRefusedError(message, hint);
    case 'store-limit': {
      const limit = z.object({ what: z.string(), actual: z.number(), max: z.number() }).safeParse(fields);
      return limit.success ? new StoreLimitError(limit.data.what, limit.data.actual, limit.data.max) : undefined;
    }
    case 'store-refused':
    case 'invalid-name':
      return new StoreRefusedError(message, { fields, ...(hint === undefined ? {} : { hint }) });
    case 'store-unavailable':
    case 'store-file':
      return new StoreUnavailableError(`the store server at ${place}: ${message}`, {
        fields,
        ...(hint === undefined ? {} : { hint }),
      });
    default:
      return undefined;
  }
}
