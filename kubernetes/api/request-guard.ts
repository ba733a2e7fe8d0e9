/**
 * When one request ends before its answer does: its caller has lost interest, its time is up, or the connection broke. The
 * three look alike to a socket (an aborted stream), and each means something else to the caller.
 */
import type { Clock } from '../../runtime/clock.ts';
import { errorText } from '../../runtime/errors.ts';
import { LineTooLongError } from './lines.ts';
import { KubeApiError, type KubeRequest, KubeUnreachableError } from './transport.ts';

/** The end of one request: its caller's signal, its time-out, and which of both it was. */
export class RequestGuard {
  readonly #abort = new AbortController();
  readonly #caller: AbortSignal | undefined;
  readonly #timer;
  readonly #timeoutMs: number;
  readonly #onAbort = (): void => this.#abort.abort(this.#caller?.reason);
  #timedOut = false;

  constructor(clock: Clock, request: KubeRequest, defaultTimeoutMs: number) {
    this.#caller = request.signal;
    this.#timeoutMs = request.timeoutMs ?? defaultTimeoutMs;
    this.#caller?.addEventListener('abort', this.#onAbort, { once: true });
    this.#timer = clock.after(this.#timeoutMs, () => {
      this.#timedOut = true;
      this.#abort.abort();
    });
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  disarm(): void {
    this.#timer.cancel();
  }

  release(): void {
    this.#timer.cancel();
    this.#caller?.removeEventListener('abort', this.#onAbort);
  }

  explain(error: unknown, server: URL): unknown {
    if (this.#caller?.aborted) return this.#caller.reason;
    if (error instanceof KubeApiError || error instanceof KubeUnreachableError) return error;
    if (this.#timedOut) {
      return new KubeUnreachableError(`no answer of ${server.host} within ${this.#timeoutMs} ms`, {
        cause: error,
        hint: 'a firewall, or an API server that is overloaded',
      });
    }
    return unreachable(server, error);
  }
}

/** Before any byte of the answer, on a connection that had been used before. */
export class StaleConnectionError extends KubeUnreachableError {
  constructor(server: URL, cause: unknown) {
    super(`the connection to ${server.host} had been closed`, { cause });
  }
}

const HINTS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'no API server listens there: is it starting, or is the address wrong?',
  ENOTFOUND: 'the name of the API server does not resolve',
  EAI_AGAIN: 'the name of the API server does not resolve now',
  ECONNRESET: 'the API server, or something on the way, closed the connection',
  EHOSTUNREACH: 'no route to the API server',
  ERR_TLS_CERT_ALTNAME_INVALID: 'the certificate of the server is for another name: check `server` of the kubeconfig',
  SELF_SIGNED_CERT_IN_CHAIN: 'the server is not signed by the authority of the kubeconfig',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'the server is not signed by the authority of the kubeconfig',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'the server is not signed by the authority of the kubeconfig',
  CERT_HAS_EXPIRED: 'the certificate of the API server has expired, or the clock of this machine is wrong',
};

function unreachable(server: URL, error: unknown): KubeUnreachableError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const hint = error instanceof LineTooLongError ? 'an object is larger than an API server should store' : HINTS[code];
  return new KubeUnreachableError(`no answer of ${server.host}: ${errorText(error) || code}`, {
    cause: error,
    ...(hint === undefined ? {} : { hint }),
  });
}
