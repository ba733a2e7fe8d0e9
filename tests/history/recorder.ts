import { readFile, writeFile } from 'node:fs/promises';
import type { RecordSet } from '../../federation/model/records.ts';
import { sha256Hex } from '../../federation/model/sha256.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Fact, History, HistoryEvent } from './events.ts';

/** Appends what happens to a list; nothing is ever changed or taken out again. */
export class Recorder {
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  readonly #events: HistoryEvent[] = [];

  constructor(components: { readonly clock: Pick<Clock, 'monotonicMs'> }) {
    this.#clock = components.clock;
  }

  record(fact: Fact): void {
    this.#events.push({ atMs: this.#clock.monotonicMs(), ...fact });
  }

  get history(): History {
    return this.#events;
  }
}

/** JSON Lines, one event a line. */
export async function saveHistory(path: string, history: History): Promise<void> {
  await writeFile(path, history.map((event) => `${JSON.stringify(event)}\n`).join(''));
}

export async function loadHistory(path: string): Promise<History> {
  const lines = (await readFile(path, 'utf8')).split('\n').filter((line) => line !== '');
  // Written by `saveHistory` of the same tree.
  return lines.map((line) => JSON.parse(line) as HistoryEvent);
}

/** Hex sha256 of each record, the form in which histories compare record sets. */
export function recordHashes(records: RecordSet): Record<string, string> {
  return Object.fromEntries([...records].map(([key, bytes]) => [key, sha256Hex(bytes)]));
}
