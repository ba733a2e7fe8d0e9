/** How often a server is asked, and for how much at once. */
/** In [0, 1): handed in, so that a step is a function. */
export interface Chance {
  readonly fraction: number;
}

/** Objects of one page. The server takes one page from one snapshot; more at once is more memory on both sides. */
export const PAGE_LIMIT = 500;
/** Asked of the server for one watch. With jitter, so that the watches of a restart do not end together. */
export const WATCH_SECONDS = 290;
const WATCH_JITTER_SECONDS = 60;
/** A complete list at least once in so many watches, an hour: heals what a restore did that no version shows. */
export const WATCHES_PER_LIST = 12;
/** A watch that ends this long before its time was ended by something else than the server's timer. */
const EARLY_MS = 5_000;
const BACKOFF = { initialMs: 500, maxMs: 30_000 };
/** Somebody has to change a role or install a definition first. Soon enough for who waits for it, rare in a log. */
const SLOW_RETRY_MS = 10_000;
/** Versions of one list that ran out while it was paged, before it is asked for in one piece. */
export const PAGED_ATTEMPTS = 2;
/** A watch that was open for so long did its work, whatever ended it: proxies that cut a quiet stream are no failure. */
export const STABLE_MS = 10_000;
const SMALLER_PAGES = 5;

export function watchSeconds({ fraction }: Chance): number {
  return WATCH_SECONDS + Math.floor(fraction * WATCH_JITTER_SECONDS);
}

export function isEarly({ seconds }: { readonly seconds: number }, afterMs: number): boolean {
  return afterMs < seconds * 1_000 - EARLY_MS;
}

export function smallerPage(limit: number): number {
  return Math.max(1, Math.floor(limit / SMALLER_PAGES));
}

/** Exponential with half of it jitter: controllers that lost their server together do not come back together. */
export function delayMs(attempt: number, { fraction }: Chance): number {
  const whole = Math.min(BACKOFF.maxMs, BACKOFF.initialMs * 2 ** Math.min(attempt - 1, 30));
  return whole / 2 + (whole / 2) * fraction;
}

export function slowDelayMs({ fraction }: Chance): number {
  return SLOW_RETRY_MS / 2 + (SLOW_RETRY_MS / 2) * fraction;
}
