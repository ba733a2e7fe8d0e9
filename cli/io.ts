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

/**
 * Set for the parts of `isthmus up`. Their supervisor alone ends them: by SIGTERM, or by the end of the pipe that is
 * their standard input when it died itself. A Ctrl-C at the terminal reaches it and them; were it theirs too, it would
 * be their first signal and the supervisor's SIGTERM a second one, which cuts short what should end in order.
 */
export const SUPERVISED_VARIABLE = 'ISTHMUS_SUPERVISED';

const SIGNAL_EXIT_CODES = { SIGINT: 130, SIGTERM: 143 } as const;

export function processIo(): Io {
  const stop = new AbortController();
  const supervised = process.env[SUPERVISED_VARIABLE] === '1';
  let commandEndsItself = false;
  const onSignal = (signal: 'SIGINT' | 'SIGTERM'): void => {
    if (supervised && (signal === 'SIGINT' || stop.signal.aborted)) return;
    if (!commandEndsItself || stop.signal.aborted) process.exit(SIGNAL_EXIT_CODES[signal]);
    stop.abort(new StopRequest(signal));
  };
  process.on('SIGINT', () => onSignal('SIGINT'));
  process.on('SIGTERM', () => onSignal('SIGTERM'));
  // The terminal was closed: the supervisor ends, and its pipe with it.
  if (supervised) process.on('SIGHUP', () => undefined);
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
      if (supervised && !commandEndsItself) onStdinEnd(() => onSignal('SIGTERM'));
      commandEndsItself = true;
      return stop.signal;
    },
  };
}

function onStdinEnd(ended: () => void): void {
  process.stdin.once('end', ended);
  process.stdin.once('error', ended);
  process.stdin.resume();
  // Listening for it is no reason to go on living. Only pipes and sockets have `unref`; a supervisor gives a pipe.
  process.stdin.unref?.();
}
