/** What the server's `Status` object (meta/v1) says, as an error of ours. */
import { KubeApiError } from './transport.ts';

/** A server that asks for more patience than this is not believed: its next answer may be minutes old news. */
const MAX_RETRY_AFTER_MS = 120_000;
/** Messages go into logs and conditions; a validation error may repeat a whole object. */
const MAX_MESSAGE_CHARACTERS = 1_000;

/** The parts of meta/v1 Status that decide anything. */
export interface Status {
  readonly code?: number;
  readonly reason?: string;
  readonly message?: string;
  readonly details?: {
    readonly causes?: readonly { readonly reason?: string; readonly message?: string }[];
    readonly retryAfterSeconds?: number;
  };
}

/** For answers whose body is no Status: proxies, and servers that are just starting. */
const REASON_OF_CODE: Readonly<Record<number, string>> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  409: 'Conflict',
  410: 'Expired',
  413: 'RequestEntityTooLarge',
  422: 'Invalid',
  429: 'TooManyRequests',
  500: 'InternalError',
  503: 'ServiceUnavailable',
  504: 'Timeout',
};

const HINTS: Readonly<Record<string, string>> = {
  Unauthorized: 'the credentials are not valid at this server: check the service account token or the kubeconfig',
  Forbidden: 'a rule is missing in the roles of this service account',
};

/** `what` names the request, e.g. `GET /api/v1/nodes`. */
export function apiErrorOf(
  what: string,
  answer: { readonly code: number; readonly retryAfter?: string | undefined; readonly body: unknown },
): KubeApiError {
  const status = readStatus(answer.body);
  const reason = status.reason || REASON_OF_CODE[answer.code] || `Http${answer.code}`;
  const hint = HINTS[reason];
  const text = status.message ?? `the server answered ${answer.code}`;
  return new KubeApiError(
    `${what}: ${text.slice(0, MAX_MESSAGE_CHARACTERS)}`,
    { status: answer.code, reason, retryAfterMs: retryAfterMs(answer.retryAfter, status) },
    {
      ...(hint === undefined ? {} : { hint }),
      fields: { causes: (status.details?.causes ?? []).flatMap((cause) => cause.reason ?? []).slice(0, 10) },
    },
  );
}

/** Anything that is not shaped like a Status is an empty one. */
export function readStatus(body: unknown): Status {
  if (!isRecord(body)) return {};
  const { code, reason, message, details } = body;
  return {
    ...(typeof code === 'number' ? { code } : {}),
    ...(typeof reason === 'string' ? { reason } : {}),
    ...(typeof message === 'string' ? { message } : {}),
    ...(isRecord(details) ? { details: readDetails(details) } : {}),
  };
}

function readDetails({ causes, retryAfterSeconds }: Record<string, unknown>): NonNullable<Status['details']> {
  const known = Array.isArray(causes) ? causes.filter(isRecord) : [];
  return {
    causes: known.map(({ reason, message }) => ({
      ...(typeof reason === 'string' ? { reason } : {}),
      ...(typeof message === 'string' ? { message } : {}),
    })),
    ...(typeof retryAfterSeconds === 'number' ? { retryAfterSeconds } : {}),
  };
}

function retryAfterMs(header: string | undefined, status: Status): number | undefined {
  // RFC 9110 10.2.3 allows a date as well; API servers send seconds.
  const seconds = header !== undefined && /^\d+$/.test(header) ? Number(header) : status.details?.retryAfterSeconds;
  return seconds === undefined || seconds <= 0 ? undefined : Math.min(seconds * 1_000, MAX_RETRY_AFTER_MS);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
