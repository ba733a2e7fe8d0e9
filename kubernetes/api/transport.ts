import { IsthmusError } from '../../runtime/errors.ts';

/**
 * What the rest of this folder needs of an API server: one call, and one stream of lines. The implementation is
 * `kubernetes/client.ts`, the only file that knows a library.
 */
export interface KubeRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Begins with `/api` or `/apis`; see `resources.ts`. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>> | undefined;
  /** Of the body. Default `application/json`; server-side apply is `application/apply-patch+yaml`. */
  readonly contentType?: string | undefined;
  /** Encoded as JSON, which is YAML too. */
  readonly body?: unknown;
  readonly signal?: AbortSignal | undefined;
  /** For the whole answer. Default `CALL_TIMEOUT_MS`. A stream has none: it is judged by its silence. */
  readonly timeoutMs?: number | undefined;
  /** Of a stream: called once when the server has said yes, however long the first line takes. */
  readonly onOpen?: (() => void) | undefined;
}

export interface KubeTransport {
  /**
   * The parsed JSON body of a 2xx answer; `undefined` when it has none.
   * @throws KubeApiError when the server says no, KubeUnreachableError when it says nothing
   */
  call(request: KubeRequest): Promise<unknown>;
  /**
   * One JSON document a line, without the line end, as a watch sends them. Ends when the server ends it.
   * @throws as `call`
   */
  lines(request: KubeRequest): AsyncIterable<string>;
}

/** A transport that holds connections until it is closed. */
export interface OpenKubeTransport extends KubeTransport {
  close(): void;
}

/** The server's `Status` object, in short. */
export class KubeApiError extends IsthmusError {
  /** HTTP status code. */
  readonly status: number;
  /** `NotFound`, `AlreadyExists`, `Conflict`, `Forbidden`, `Expired`, `Invalid`, `TooManyRequests`, ... */
  readonly reason: string;
  /** Of the header `Retry-After`. */
  readonly retryAfterMs: number | undefined;

  constructor(
    message: string,
    answer: { readonly status: number; readonly reason: string; readonly retryAfterMs?: number | undefined },
    details: { readonly hint?: string; readonly fields?: Record<string, unknown> } = {},
  ) {
    super('kubernetes-api', message, details);
    this.status = answer.status;
    this.reason = answer.reason;
    this.retryAfterMs = answer.retryAfterMs;
  }
}

/** No answer: refused, reset, timed out, or not to be trusted (TLS). Nothing is known, so nothing may be concluded. */
export class KubeUnreachableError extends IsthmusError {
  constructor(message: string, details: { readonly cause?: unknown; readonly hint?: string } = {}) {
    super('kubernetes-unreachable', message, details);
  }
}
