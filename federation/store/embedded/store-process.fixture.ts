import process from 'node:process';
import { DatabaseSync } from 'node:sqlite';
import { SystemClock } from '../../../runtime/clock.ts';
import { errorText, IsthmusError } from '../../../runtime/errors.ts';
import { silentLogger } from '../../../runtime/log.ts';
import { Metrics } from '../../../runtime/metrics.ts';
import { SystemRandom } from '../../../runtime/random.ts';
import type { Hint } from '../contract.ts';
import { EmbeddedStore } from '../embedded.ts';

/** The other process of `process-store.fixture.ts`: runs the calls that its parent sends. */
export interface Request {
  readonly id: number;
  readonly name: string;
  readonly args: readonly unknown[];
}

export type Reply =
  | { readonly kind: 'result'; readonly id: number; readonly result: unknown }
  | {
      readonly kind: 'error';
      readonly id: number;
      readonly code: string;
      readonly message: string;
      readonly fields: Readonly<Record<string, unknown>>;
    }
  | { readonly kind: 'hint'; readonly hint: Hint };

let path: string;
const components = { clock: new SystemClock(), random: new SystemRandom(), log: silentLogger, metrics: new Metrics() };
let store: EmbeddedStore;

function send(reply: Reply): void {
  // The parent may be gone before it has heard everything.
  if (process.connected) process.send?.(reply, undefined, {}, () => undefined);
}

async function open(at: string): Promise<void> {
  path = at;
  store = await EmbeddedStore.open(components, { path });
  void relay(store.watch(new AbortController().signal));
}

async function relay(hints: AsyncIterable<Hint>): Promise<void> {
  for await (const hint of hints) send({ kind: 'hint', hint });
}

let holding: DatabaseSync | undefined;

/** Takes the file's write lock and keeps it until it is released. */
function hold(): void {
  holding = new DatabaseSync(path);
  holding.exec('BEGIN IMMEDIATE');
}

function release(): void {
  holding?.close();
  holding = undefined;
}

async function run({ id, name, args }: Request): Promise<void> {
  try {
    const [first, second] = name.split('.');
    if (first === 'open' || first === 'close') {
      await (first === 'open' ? open(String(args[0])) : store[Symbol.asyncDispose]());
      send({ kind: 'result', id, result: undefined });
      return;
    }
    if (first === 'hold' || first === 'release') {
      send({ kind: 'result', id, result: first === 'hold' ? hold() : release() });
      return;
    }
    // Names come from `ProcessStore`, which takes them from the contract.
    const target = (second === undefined ? store : store[first as 'join']) as unknown as Record<
      string,
      (...values: readonly unknown[]) => Promise<unknown>
    >;
    const result = await target[second ?? first ?? '']?.call(target, ...args);
    send({ kind: 'result', id, result });
  } catch (error) {
    const known = error instanceof IsthmusError ? error : undefined;
    const fields = known?.fields ?? {};
    send({ kind: 'error', id, code: known?.code ?? 'internal', message: errorText(error), fields });
  }
}

// The parent decides what it sends.
process.on('message', (message) => void run(message as Request));
process.once('disconnect', () => process.exit());
process.send?.('ready');
