import type { Writable } from 'node:stream';

/** What a command may touch of its process. Handed in, so that commands can be run by tests and by each other. */
export interface Io {
  readonly stdout: Writable & { readonly isTTY?: boolean };
  readonly stderr: Writable & { readonly isTTY?: boolean };
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /**
   * Aborts at the first SIGINT or SIGTERM with `StopRequest` as its reason; from the first call on, the command itself
   * ends in order. Until then SIGINT ends the process at once with code 130. A second signal always does.
   */
  stopSignal(): AbortSignal;
}

export class StopRequest extends Error {
  readonly signal: 'SIGINT' | 'SIGTERM';

  constructor(signal: 'SIGINT' | 'SIGTERM') {
    super(`stopped by ${signal}`);
    this.name = 'StopRequest';
    this.signal = signal;
  }
}

const SIGNAL_EXIT_CODES = { SIGINT: 130, SIGTERM: 143 } as const;

export function processIo(): Io {
  const stop = new AbortController();
  let commandEndsItself = false;
  const onSignal = (signal: 'SIGINT' | 'SIGTERM'): void => {
    if (!commandEndsItself || stop.signal.aborted) process.exit(SIGNAL_EXIT_CODES[signal]);
    stop.abort(new StopRequest(signal));
  };
  process.on('SIGINT', () => onSignal('SIGINT'));
  process.on('SIGTERM', () => onSignal('SIGTERM'));
  // `isthmus get services | head -1`: the reader has what it wanted, and that is no failure.
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      process.exit(error.code === 'EPIPE' ? 0 : 1);
    });
  }
  return {
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    cwd: process.cwd(),
    stopSignal: () => {
      commandEndsItself = true;
      return stop.signal;
    },
  };
}
