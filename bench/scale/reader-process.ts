import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import type { ReaderInit, ReaderReport, ReaderRequest, ReaderState, ReaderUsage } from './reader-messages.ts';

/** A measured controller, from the outside. Ended with the bench by `await using`. */
const PROGRAM = join(import.meta.dirname, 'reader.ts');
/** As `bin/isthmus` starts a controller; the first start of all fills it. */
const COMPILE_CACHE = join(import.meta.dirname, '../../.tools/compile-cache');
const COMPLETE_TIMEOUT_MS = 120_000;
const ANSWER_TIMEOUT_MS = 60_000;

export type Complete = Extract<ReaderReport, { is: 'complete' }>;

export class ReaderProcess implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly complete: Promise<Complete>;

  constructor(init: ReaderInit, execArgv: readonly string[] = []) {
    this.#child = fork(PROGRAM, [JSON.stringify(init)], {
      execArgv: [...execArgv],
      env: { NODE_COMPILE_CACHE: COMPILE_CACHE, ...process.env },
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    this.complete = this.#hear('complete', COMPLETE_TIMEOUT_MS);
    // Whoever does not wait for it hears of a dead reader by its next question.
    this.complete.catch(() => undefined);
  }

  async usage(): Promise<ReaderUsage> {
    return (await this.#ask('usage')).usage;
  }

  async state(): Promise<ReaderState> {
    return (await this.#ask('state')).state;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = new Promise<void>((resolve) => void this.#child.once('exit', () => resolve()));
    this.#child.send('stop' satisfies ReaderRequest);
    await exited;
  }

  #ask<K extends 'usage' | 'state'>(request: K): Promise<Extract<ReaderReport, { is: K }>> {
    const answer = this.#hear(request, ANSWER_TIMEOUT_MS);
    this.#child.send(request);
    return answer;
  }

  #hear<K extends ReaderReport['is']>(kind: K, timeoutMs: number): Promise<Extract<ReaderReport, { is: K }>> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => end(new Error(`the reader did not say "${kind}" in ${timeoutMs} ms`)), timeoutMs);
      const onExit = (): void => end(new Error('the reader ended'));
      const onMessage = (message: ReaderReport): void => {
        // The comparison has told which member of the union it is.
        if (message.is === kind) end(message as Extract<ReaderReport, { is: K }>);
      };
      const end = (outcome: Error | Extract<ReaderReport, { is: K }>): void => {
        clearTimeout(timer);
        this.#child.off('exit', onExit);
        this.#child.off('message', onMessage);
        if (outcome instanceof Error) reject(outcome);
        else resolve(outcome);
      };
      this.#child.once('exit', onExit);
      this.#child.on('message', onMessage);
    });
  }
}
