/** A fact that some wait for. Once it holds it holds: a source that knew once has its last good from then on. */
export class Known {
  readonly #settled = Promise.withResolvers<void>();
  #held = false;

  get held(): boolean {
    return this.#held;
  }

  settle(): void {
    this.#held = true;
    this.#settled.resolve();
  }

  /** @throws the signal's reason */
  async wait(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const aborted = Promise.withResolvers<never>();
    const onAbort = (): void => aborted.reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      await Promise.race([this.#settled.promise, aborted.promise]);
    } finally {
      signal.removeEventListener('abort', onAbort);
      aborted.promise.catch(() => undefined); // nobody waits any more
    }
  }
}
