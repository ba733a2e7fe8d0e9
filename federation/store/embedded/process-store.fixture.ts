import type { ChildProcess } from 'node:child_process';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Hint, JoinBoard, LeaseBoard, Store } from '../contract.ts';
import {
  FencedError,
  JoinRefusedError,
  StaleCommitError,
  StoreLimitError,
  StoreRefusedError,
  StoreUnavailableError,
} from '../contract.ts';
import { HintFanout } from '../hint-queue.ts';
import type { Reply, Request } from './store-process.fixture.ts';

/** An embedded store that is open in another process: every call goes there, so that two processes share one file. */
export class ProcessStore implements Store {
  readonly join: JoinBoard;
  readonly lease: LeaseBoard;
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, (reply: Reply) => void>();
  readonly #fanout = new HintFanout();
  #calls = 0;

  /** A process of its own with the store at `path` open. */
  static async start(path: string): Promise<ProcessStore> {
    // Structured clone, so that maps and octets arrive as what they are.
    const child = fork(join(import.meta.dirname, 'store-process.fixture.ts'), { serialization: 'advanced' });
    await once(child, 'message');
    const store = new ProcessStore(child);
    await store.open(path);
    return store;
  }

  /** Closes the store and opens another one in the same process, which takes less than a new process. */
  async reopen(path: string): Promise<void> {
    await this.close();
    await this.open(path);
  }

  open(path: string): Promise<void> {
    return this.#call('open', [path]);
  }

  /** Closes the store and ends its watches; the process stays. */
  async close(): Promise<void> {
    await this.#call('close', []);
    this.#fanout.end();
  }

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.on('message', (message) => this.#take(message as Reply));
    const call =
      (name: string) =>
      (...args: unknown[]): Promise<never> =>
        this.#call(name, args);
    this.join = {
      offer: call('join.offer'),
      request: call('join.request'),
      pending: call('join.pending'),
      answer: call('join.answer'),
      answerFor: call('join.answerFor'),
    };
    this.lease = { acquire: call('lease.acquire'), release: call('lease.release') };
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  readonly commit: Store['commit'] = (...args) => this.#call('commit', args);
  readonly beat: Store['beat'] = (...args) => this.#call('beat', args);
  readonly read: Store['read'] = (...args) => this.#call('read', args);
  readonly changes: Store['changes'] = (...args) => this.#call('changes', args);
  readonly heads: Store['heads'] = () => this.#call('heads', []);
  readonly roster: Store['roster'] = () => this.#call('roster', []);
  readonly putRoster: Store['putRoster'] = (...args) => this.#call('putRoster', args);

  /** Takes the file's write lock in the other process; `release` gives it back. */
  hold(): Promise<void> {
    return this.#call('hold', []);
  }

  release(): Promise<void> {
    return this.#call('release', []);
  }

  watch(signal: AbortSignal): AsyncIterable<Hint> {
    return this.#fanout.open(signal);
  }

  async kill(): Promise<void> {
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#fanout.end();
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.disconnect();
    await ended;
  }

  async #call(name: string, args: readonly unknown[]): Promise<never> {
    this.#calls += 1;
    const id = this.#calls;
    const reply = await new Promise<Reply>((resolve) => {
      this.#waiting.set(id, resolve);
      this.#child.send({ id, name, args } satisfies Request);
    });
    if (reply.kind === 'error') throw errorOf(reply);
    // The caller's method and the one at the other side are the same, so the result has its type.
    return (reply.kind === 'result' ? reply.result : undefined) as never;
  }

  #take(reply: Reply): void {
    if (reply.kind === 'hint') {
      this.#fanout.push(reply.hint);
      return;
    }
    this.#waiting.get(reply.id)?.(reply);
    this.#waiting.delete(reply.id);
  }
}

function errorOf({ code, message, fields }: Extract<Reply, { kind: 'error' }>): Error {
  switch (code) {
    case 'fenced':
      return new FencedError(fields['stored'] as FencedError['stored']);
    case 'stale-commit':
      return new StaleCommitError(message, fields);
    case 'join-refused':
      return new JoinRefusedError(message);
    case 'store-limit':
      return new StoreLimitError(String(fields['what']), Number(fields['actual']), Number(fields['max']));
    case 'store-refused':
      return new StoreRefusedError(message, { fields });
    default:
      return new StoreUnavailableError(message, { fields });
  }
}
