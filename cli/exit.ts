import { CommanderError } from 'commander';
import { errorText, InvalidInputError, IsthmusError } from '../runtime/errors.ts';
import type { Io } from './io.ts';
import { StopRequest } from './io.ts';
import { writeFindings } from './output/findings.ts';

/** Exit codes are an interface: scripts and supervisors (`cli/supervise.ts`) decide by them. */
export const EXIT = {
  ok: 0,
  failure: 1,
  /** Wrong usage or wrong input: running it again the same way cannot help. */
  usage: 2,
  /** The command did its work and found problems in what it looked at. */
  problems: 3,
  interrupted: 130,
} as const;

/**
 * Errors that stay until somebody changes something: a part of a site that ends with one is not started again
 * (`cli/supervise.ts`, the systemd unit). A predecessor that is still stopping was waited for before `state-folder-in-use`.
 */
const LASTING_CODES: ReadonlySet<string> = new Set([
  'usage',
  'invalid-name',
  'password-file',
  'not-enrolled',
  'exposed-file',
  'roster-refused',
  'no-root-key',
  'state-folder-in-use',
  'already-enrolled',
  'store-taken',
]);

/** A command that has said everything and only wants another exit code. */
export class ExitError extends IsthmusError {
  readonly exitCode: number;

  constructor(exitCode: number) {
    super('exit', `exit with code ${exitCode}`);
    this.exitCode = exitCode;
  }
}

export class UsageError extends IsthmusError {
  constructor(message: string, hint?: string) {
    super('usage', message, hint === undefined ? {} : { hint });
  }
}

/** Says on standard error what went wrong, and answers the exit code. */
export function reportError(error: unknown, io: Io): number {
  if (error instanceof ExitError) return error.exitCode;
  if (error instanceof StopRequest) return error.signal === 'SIGINT' ? EXIT.interrupted : EXIT.ok;
  // Commander has written its own message, with the nearest known word.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  if (error instanceof InvalidInputError) {
    writeFindings(error.findings, io);
    io.stderr.write(`error: ${error.message}\n`);
    return EXIT.usage;
  }
  io.stderr.write(`error: ${errorText(error)}\n`);
  if (error instanceof IsthmusError) {
    if (error.hint !== undefined) io.stderr.write(`hint: ${error.hint}\n`);
    return LASTING_CODES.has(error.code) ? EXIT.usage : EXIT.failure;
  }
  // Not one of ours: a bug. The stack is what a report needs.
  if (error instanceof Error && error.stack !== undefined) io.stderr.write(`${error.stack}\n`);
  return EXIT.failure;
}
