import type { Clock } from '../../../runtime/clock.ts';

/** The outcome of `work`, or the error of `late` when there is none in time. `work` is not stopped by it. */
export function within<Result>(
  clock: Clock,
  timeoutMs: number,
  work: Promise<Result>,
  late: () => Error,
): Promise<Result> {
  return new Promise((resolve, reject) => {
    const timer = clock.after(timeoutMs, () => reject(late()));
    work.then(resolve, reject).finally(() => timer.cancel());
  });
}
