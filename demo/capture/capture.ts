import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../runtime/clock.ts';
import type { Lab } from '../lab/lab.ts';
import { LabError, NotShownError } from '../lab/lab.ts';
import { BRIDGE } from '../lab/network.ts';
import type { LabProcess } from '../lab/process.ts';

/** Records everything on the wire between the networks. */
export interface CaptureEnd {
  readonly file: string;
  readonly captured: number;
  /** Packets that the kernel had to drop. A capture with gaps proves nothing. */
  readonly dropped: number;
  /** Packets that came in the last moment and were not read any more. */
  readonly unread: number;
}

const START_TIMEOUT_MS = 10_000;
/** 64 MiB in the kernel: a burst of large segments must not overrun it while the disk is busy. In KiB, as tcpdump wants. */
const KERNEL_BUFFER_KIB = 65_536;
const TCPDUMP = join(import.meta.dirname, '../../.tools/tcpdump/bin/tcpdump');

export class Capture {
  readonly file: string;
  readonly #process: LabProcess;

  /**
   * @throws NotShownError when the lab has no wire of its own
   * @throws LabError when tcpdump is missing or cannot record
   */
  static async start(
    components: { clock: Clock; lab: Lab },
    init: { readonly name: string; readonly tcpdump?: string },
  ): Promise<Capture> {
    const { lab } = components;
    if (!lab.capabilities.capture) throw new NotShownError('the capture of the wire');
    const tcpdump = init.tcpdump ?? TCPDUMP;
    await assertInstalled(tcpdump);
    const file = join(lab.directory, `${init.name}.pcap`);
    // As root it would change to a user that may not exist, and may not write here. Without the immediate mode packets
    // wait in the kernel for up to a second, and those that wait at the end are lost.
    const how = ['--immediate-mode', '-n', '-s', '0', '-Z', 'root', '-B', String(KERNEL_BUFFER_KIB)];
    const args = ['-i', BRIDGE, '-w', file, ...how];
    const running = lab.spawn('wan', tcpdump, args, { name: init.name });
    await running.untilLogged(/listening on/, START_TIMEOUT_MS);
    return new Capture(running, file);
  }

  private constructor(running: LabProcess, file: string) {
    this.#process = running;
    this.file = file;
  }

  /** @throws LabError when tcpdump ended before, or does not say what it saw */
  async stop(): Promise<CaptureEnd> {
    // tcpdump takes this as "done": it writes what it holds and says its counts.
    this.#process.signal('SIGINT');
    await this.#process.exited;
    const said = this.#process.logTail();
    const [captured, received, dropped] = ['captured', 'received by filter', 'dropped by kernel'].map((what) => {
      const count = new RegExp(`(\\d+) packets? ${what}`).exec(said)?.[1];
      if (count === undefined) throw new LabError('capture', `tcpdump failed: ${said}`);
      return Number(count);
    }) as [number, number, number]; // Three go in, so three come out.
    return { file: this.file, captured, dropped, unread: Math.max(0, received - captured) };
  }
}

async function assertInstalled(tcpdump: string): Promise<void> {
  try {
    await access(tcpdump, constants.X_OK);
  } catch (error) {
    throw new LabError('capture', 'tcpdump is not installed', {
      cause: error,
      hint: 'run tools/install-debian.sh tcpdump',
    });
  }
}
