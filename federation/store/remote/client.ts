import { Backoff } from '../../../runtime/backoff.ts';
import { errorText } from '../../../runtime/errors.ts';
import type { HeadOrder } from '../../model/head.ts';
import type { ClusterId } from '../../model/ids.ts';
import type { StoreComponents } from '../components.ts';
import type {
  Changes,
  Commit,
  Hint,
  JoinBoard,
  LeaseBoard,
  Store,
  StoredCluster,
  StoredHead,
  StoredRoster,
} from '../contract.ts';
import { StoreUnavailableError } from '../contract.ts';
import { HintFanout } from '../hint-queue.ts';
import { checkCommitLimits, checkHeadLimits, checkOrder, checkRosterLimits, recordSize } from '../limits.ts';
import type { StoreAddress } from './address.ts';
import { nothing, remoteJoinBoard, remoteLeaseBoard } from './boards.ts';
import { Commands } from './commands.ts';
import type { StoreIdentity } from './identity.ts';
import { COMMAND_TIMEOUT_MS, Link } from './link.ts';
import { changesCollector, clusterCollector, headsCollector } from './reads.ts';
import { headToWire, hintFromWire, orderToWire, recordsToWire, rosterFromWire } from './wire.ts';

const WATCH_BACKOFF = { initialMs: 100, maxMs: 5_000 };
/** What a large commit may take beyond a command's time: as long as a link of 1 MiB/s needs for it. */
const UPLOAD_BYTES_PER_MS = (1024 * 1024) / 1000;

/**
 * The store contract over a store server. What breaks a limit is refused here, before it crosses the network; the
 * server checks again.
 */
export class RemoteStore implements Store {
  readonly join: JoinBoard;
  readonly lease: LeaseBoard;
  readonly #components: StoreComponents;
  readonly #link: Link;
  readonly #commands: Commands;
  readonly #fanout = new HintFanout();
  /** Ends the one watch that all readers of hints share. */
  #following: AbortController | undefined;
  #closed = false;

  constructor(components: StoreComponents, init: { address: StoreAddress; identity: StoreIdentity }) {
    this.#components = components;
    this.#link = new Link(components, init);
    this.#commands = new Commands(components, { link: this.#link });
    this.join = remoteJoinBoard(this.#commands);
    this.lease = remoteLeaseBoard(this.#commands);
  }

  async commit(commit: Commit): Promise<void> {
    checkCommitLimits(commit);
    const { cluster, puts, deletes } = commit;
    let bytes = 0;
    for (const [key, value] of puts) bytes += recordSize(key, value);
    const request = { cluster, head: headToWire(commit), puts: recordsToWire(puts), deletes: [...deletes] };
    await this.#commands.unary('commit', request, nothing, uploadTimeoutMs(bytes));
  }

  async beat(cluster: ClusterId, beat: StoredHead): Promise<void> {
    checkHeadLimits(beat);
    await this.#commands.unary('beat', { cluster, head: headToWire(beat) }, nothing);
  }

  read(cluster: ClusterId): Promise<StoredCluster | undefined> {
    return this.#commands.read('read', { cluster }, clusterCollector);
  }

  async changes(cluster: ClusterId, after: HeadOrder): Promise<Changes> {
    checkOrder(after);
    return this.#commands.read('changes', { cluster, after: orderToWire(after) }, changesCollector);
  }

  heads(): Promise<ReadonlyMap<ClusterId, StoredHead>> {
    return this.#commands.read('heads', {}, headsCollector);
  }

  roster(): Promise<StoredRoster | undefined> {
    return this.#commands.unary('getRoster', {}, ({ found, roster }) => (found ? rosterFromWire(roster) : undefined));
  }

  async putRoster(roster: StoredRoster): Promise<void> {
    checkRosterLimits(roster);
    const { version, bytes } = roster;
    await this.#commands.unary(
      'putRoster',
      { roster: { version: BigInt(version), bytes } },
      nothing,
      uploadTimeoutMs(bytes.length),
    );
  }

  /** For the holder of the claim: names the clusterset's root and authority, once. */
  async claim(claim: { cluster: ClusterId; root: Uint8Array; roster: StoredRoster }): Promise<void> {
    const { cluster, root, roster } = claim;
    checkRosterLimits(roster);
    const request = { cluster, root, roster: { version: BigInt(roster.version), bytes: roster.bytes } };
    await this.#commands.unary('claim', request, nothing, uploadTimeoutMs(roster.bytes.length));
  }

  watch(signal: AbortSignal): AsyncIterable<Hint> {
    if (this.#closed) throw new StoreUnavailableError('the store is closed');
    const hints = this.#fanout.open(signal, () => {
      if (this.#fanout.size === 0) this.#unfollow();
    });
    if (this.#fanout.size > 0) this.#follow();
    return hints;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#fanout.end();
    this.#link.close();
  }

  #follow(): void {
    if (this.#following !== undefined) return;
    const following = new AbortController();
    this.#following = following;
    void this.#followUntil(following.signal);
  }

  #unfollow(): void {
    this.#following?.abort();
    this.#following = undefined;
  }

  /** The server opens every watch with a gap, so that whatever was missed before is looked for. */
  async #followUntil(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#components;
    const backoff = new Backoff(this.#components, WATCH_BACKOFF);
    while (!signal.aborted) {
      try {
        await this.#relayHints(signal, backoff);
      } catch (error) {
        log.debug('watch of the store interrupted', { place: this.#link.place, error: errorText(error) });
      }
      await clock.sleep(backoff.nextMs(), signal).catch(() => undefined);
    }
  }

  async #relayHints(signal: AbortSignal, backoff: Backoff): Promise<void> {
    const connection = await this.#link.connection();
    const { channel, session } = connection;
    try {
      for await (const hint of channel.stream('watch', {}, { session, signal })) {
        backoff.reset();
        this.#fanout.push(hintFromWire(hint));
      }
    } catch (error) {
      this.#link.lost(connection, error);
      throw error;
    }
  }
}

function uploadTimeoutMs(bytes: number): number {
  return COMMAND_TIMEOUT_MS + Math.ceil(bytes / UPLOAD_BYTES_PER_MS);
}
