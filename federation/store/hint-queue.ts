import { assertNever } from '../../runtime/errors.ts';
import type { Hint } from './contract.ts';

/** More waiting hints than this become one `gap`: a reader that slow reads all heads anyway. */
export const HINTS_WAITING_MAX = 4_096;

/**
 * The hints that one reader has not yet taken. At most one waits per subject and the last one wins, so a reader that
 * sleeps through a thousand beats wakes up to one head per cluster.
 */
export class HintQueue implements AsyncIterableIterator<Hint> {
  readonly #waiting = new Map<string, Hint>();
  readonly #onEnd: () => void;
  #wake: (() => void) | undefined;
  #ended = false;

  constructor(onEnd: () => void = () => undefined) {
    this.#onEnd = onEnd;
  }

  push(hint: Hint): void {
    if (this.#ended) return;
    const subject = subjectOf(hint);
    if (this.#waiting.size >= HINTS_WAITING_MAX && !this.#waiting.has(subject)) {
      this.#waiting.clear();
      this.#waiting.set('gap', { kind: 'gap' });
    } else {
      this.#waiting.set(subject, hint);
    }
    this.#wake?.();
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#waiting.clear();
    this.#wake?.();
    this.#onEnd();
  }

  async next(): Promise<IteratorResult<Hint, undefined>> {
    while (!this.#ended) {
      const first = this.#waiting.entries().next();
      if (!first.done) {
        const [subject, hint] = first.value;
        this.#waiting.delete(subject);
        return { done: false, value: hint };
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return { done: true, value: undefined };
  }

  /** A `for await` that is left early ends the watch. */
  async return(): Promise<IteratorResult<Hint, undefined>> {
    this.end();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

/** All readers of one store handle. */
export class HintFanout {
  readonly #queues = new Set<HintQueue>();

  get size(): number {
    return this.#queues.size;
  }

  open(signal: AbortSignal, onEnd: () => void = () => undefined): HintQueue {
    const end = (): void => queue.end();
    const queue = new HintQueue(() => {
      signal.removeEventListener('abort', end);
      this.#queues.delete(queue);
      onEnd();
    });
    this.#queues.add(queue);
    if (signal.aborted) queue.end();
    else signal.addEventListener('abort', end, { once: true });
    return queue;
  }

  push(hint: Hint): void {
    for (const queue of this.#queues) queue.push(hint);
  }

  end(): void {
    for (const queue of this.#queues) queue.end();
  }
}

function subjectOf(hint: Hint): string {
  switch (hint.kind) {
    case 'cluster':
      return `cluster/${hint.cluster}`;
    case 'roster':
    case 'join':
    case 'gap':
      return hint.kind;
    default:
      return assertNever(hint);
  }
}
