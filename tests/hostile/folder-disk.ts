import { cp, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { rim } from '../../federation/sync/clusterset.fixture.ts';
import { LastGood } from '../../federation/sync/last-good.ts';
import { Marks } from '../../federation/sync/marks.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Disk, OpenedDisk } from './field.ts';

/** A state folder as the controller has it; each start has a copy of what the last one left. */
const LAST_GOOD = 'last-good';

export class FolderDisk implements Disk {
  readonly #clock: Clock;
  readonly #path: string;
  #starts = 0;

  constructor(components: { readonly clock: Clock }, path: string) {
    this.#clock = components.clock;
    this.#path = path;
  }

  async open(): Promise<OpenedDisk> {
    const before = this.#folder();
    this.#starts += 1;
    const folder = this.#folder();
    if (this.#starts === 1) await mkdir(folder, { recursive: true });
    else await cp(before, folder, { recursive: true });
    const components = rim(this.#clock);
    const { marks } = await Marks.load(components, { path: join(folder, 'marks.json') });
    const keeper = new LastGood(components, { dir: join(folder, LAST_GOOD) });
    const kept = await keeper.load();
    return { marks, keeper, kept, close: (how) => this.#close(folder, { keeper, marks }, how) };
  }

  async loseStates(): Promise<void> {
    await rm(join(this.#folder(), LAST_GOOD), { recursive: true, force: true });
  }

  /** After a crash, what is on the disk now is what the next start finds, whatever the keeper still writes. */
  async #close(
    folder: string,
    { keeper, marks }: { readonly keeper: LastGood; readonly marks: Marks },
    how: 'orderly' | 'crash',
  ): Promise<void> {
    if (how === 'orderly') {
      await Promise.all([keeper.close(), marks.close()]);
      return;
    }
    const crashed = `${folder}-crashed`;
    await copyWhileWritten(folder, crashed);
    await keeper.close();
    await rm(folder, { recursive: true, force: true });
    await cp(crashed, folder, { recursive: true });
    await rm(crashed, { recursive: true, force: true });
  }

  #folder(): string {
    return join(this.#path, String(this.#starts));
  }
}

const COPIES_MAX = 50;

/** A file that is renamed while it is looked at is not there for a moment; then it is copied again. */
async function copyWhileWritten(from: string, to: string): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await cp(from, to, { recursive: true });
      return;
    } catch (error) {
      if (attempt === COPIES_MAX || !isMissing(error)) throw error;
      await rm(to, { recursive: true, force: true });
    }
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
