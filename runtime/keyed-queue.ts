import PQueue from 'p-queue';

/**
 * Work by key: the same key never runs twice at once, and marking a key dirty while it waits or runs costs one more run,
 * not many. This is the work queue of controller-runtime on p-queue, with the newest state read when the work starts.
 */
export interface KeyedQueueOptions {
  readonly concurrency: number;
  /** More waiting keys than this is a bug of the caller; `mark` then answers false and counts nothing. */
  readonly maxKeys: number;
  readonly onError: (key: string, error: unknown) => void;
}

export class KeyedQueue {
  readonly #queue: PQueue;
  readonly #work: (key: string) => Promise<void>;
  readonly #options: KeyedQueueOptions;
  readonly #waiting = new Set<string>();
  readonly #running = new Set<string>();
  readonly #again = new Set<string>();

  constructor(work: (key: string) => Promise<void>, options: KeyedQueueOptions) {
    this.#work = work;
    this.#options = options;
    this.#queue = new PQueue({ concurrency: options.concurrency });
  }

  get depth(): number {
    return this.#waiting.size;
  }

  mark(key: string): boolean {
    if (this.#waiting.has(key)) return true;
    if (this.#running.has(key)) {
      this.#again.add(key);
      return true;
    }
    if (this.#waiting.size >= this.#options.maxKeys) return false;
    this.#waiting.add(key);
    void this.#queue.add(() => this.#run(key));
    return true;
  }

  /** Resolves when nothing waits and nothing runs. */
  idle(): Promise<void> {
    return this.#queue.onIdle();
  }

  /** Drops what waits; what runs is left to its own signal. */
  clear(): void {
    this.#queue.clear();
    this.#waiting.clear();
    this.#again.clear();
  }

  async #run(key: string): Promise<void> {
    this.#waiting.delete(key);
    this.#running.add(key);
    try {
      await this.#work(key);
    } catch (error) {
      this.#options.onError(key, error);
    } finally {
      this.#running.delete(key);
      if (this.#again.delete(key)) this.mark(key);
    }
  }
}
