import { parseDurationMs } from '../../sources/documents/fields.ts';
import { UsageError } from '../exit.ts';
import { IsthmusError } from '../../runtime/errors.ts';
import type { Io } from '../io.ts';

/** A wait that ends in one of three ways: what is waited for happens, somebody interrupts, or the time is over. */
export interface Wait {
  readonly signal: AbortSignal;
  /** Nobody wants to wait at all. */
  readonly isOver: boolean;
  /** @throws NotInTimeError when the time was over first */
  orSay<T>(work: Promise<T>, late: { readonly message: string; readonly hint: string }): Promise<T>;
}

export class NotInTimeError extends IsthmusError {
  constructor({ message, hint }: { readonly message: string; readonly hint: string }) {
    super('not-in-time', message, { hint });
  }
}

/** @param text a duration, as the user gave it */
export function waitSignal(text: string, io: Io): Wait {
  const waitMs = parseDurationMs(text);
  if (waitMs === undefined) throw new UsageError(`${text} is not a duration`, 'use for example 30s or 2m, or 0s');
  const late = AbortSignal.timeout(waitMs);
  return {
    signal: AbortSignal.any([io.stopSignal(), late]),
    isOver: waitMs === 0,
    orSay: async (work, said) => {
      try {
        return await work;
      } catch (error) {
        if (late.aborted && !io.stopSignal().aborted) throw new NotInTimeError(said);
        throw error;
      }
    },
  };
}
