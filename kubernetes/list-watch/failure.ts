/** What went wrong with a list or a watch, by what has to be done about it. The same words are labels of metrics. */
import { ANSWER_TOO_LARGE } from '../api/https-transport.ts';
import { readStatus, type Status } from '../api/status.ts';
import { KubeApiError } from '../api/transport.ts';
import { errorText } from '../../runtime/errors.ts';

export type FailureKind =
  /** The version is older than what the server keeps (410): list again. */
  | 'expired'
  /** The version is newer than all that the server has: it was restored from a backup. List again. */
  | 'ahead'
  /** 403: not allowed is not empty. */
  | 'forbidden'
  /** 404 of a collection: no such kind, because its definition is not installed. */
  | 'absent'
  /** One page is more than we take: ask for smaller ones. */
  | 'too-large'
  /** 429. */
  | 'throttled'
  /** 5xx, and whatever else is said no with. */
  | 'busy'
  /** No answer, or a credential that is not accepted. */
  | 'unreachable'
  /** An answer or a line that is not what the API promises. */
  | 'malformed';

export interface Failure {
  readonly kind: FailureKind;
  readonly message: string;
  readonly retryAfterMs?: number | undefined;
}

export function failureOf(error: unknown): Failure {
  const message = errorText(error);
  if (error instanceof MalformedAnswer) return { kind: 'malformed', message };
  if (!(error instanceof KubeApiError)) return { kind: 'unreachable', message };
  const causes = Array.isArray(error.fields['causes']) ? error.fields['causes'] : [];
  const { status: code, reason, retryAfterMs } = error;
  return { kind: kindOf({ code, reason, message, causes }), message, retryAfterMs };
}

/** Of a watch event of the type `ERROR`, whose object is a Status. */
export function failureOfStatus(object: unknown): Failure {
  const { code = 0, reason = '', message = 'the server ended the watch', details }: Status = readStatus(object);
  const causes = (details?.causes ?? []).flatMap((cause) => cause.reason ?? []);
  const seconds = details?.retryAfterSeconds;
  return {
    kind: kindOf({ code, reason, message, causes }),
    message,
    retryAfterMs: seconds === undefined ? undefined : seconds * 1_000,
  };
}

/** A 2xx answer or a line that does not follow the API. */
export class MalformedAnswer extends Error {}

function kindOf(status: { code: number; reason: string; message: string; causes: readonly unknown[] }): FailureKind {
  const { code, reason, causes } = status;
  if (reason === ANSWER_TOO_LARGE) return 'too-large';
  if (code === 410 || reason === 'Expired' || reason === 'Gone') return 'expired';
  // Comes as 504 with this cause, see apierrors in k8s.io/apiserver/pkg/storage; old servers have the message alone.
  if (causes.includes('ResourceVersionTooLarge') || status.message.includes('Too large resource version')) {
    return 'ahead';
  }
  if (code === 403) return 'forbidden';
  if (code === 404) return 'absent';
  if (code === 429) return 'throttled';
  if (code === 401) return 'unreachable';
  return 'busy';
}
