import { errorText } from '../../runtime/errors.ts';
import { KubeApiError } from '../api/transport.ts';

/** Why a write did not happen, and what follows from it. One object's trouble is its own: others are written meanwhile. */
export type Setback =
  /** The object, or its namespace, is not there: whoever planned will see it and plan again. */
  | { readonly kind: 'gone' }
  /** It is not the object any more that was looked at: news is on its way. */
  | { readonly kind: 'changed'; readonly message: string }
  /** The server will say the same next time, unless somebody changes rules or quota. */
  | { readonly kind: 'refused'; readonly reason: string; readonly message: string }
  /** The server cannot, now. */
  | { readonly kind: 'busy'; readonly message: string; readonly afterMs: number | undefined };

export function setbackOf(error: unknown): Setback {
  const message = errorText(error);
  if (!(error instanceof KubeApiError)) return { kind: 'busy', message, afterMs: undefined };
  switch (error.status) {
    case 404:
      return { kind: 'gone' };
    case 409:
      return { kind: 'changed', message };
    case 400:
    case 403:
    case 405:
    case 406:
    case 413:
    case 415:
    case 422:
      return { kind: 'refused', reason: error.reason, message };
    default:
      // 401 as well: tokens are exchanged while we run. 429 and 5xx say when to come back, or not.
      return { kind: 'busy', message, afterMs: error.retryAfterMs };
  }
}
