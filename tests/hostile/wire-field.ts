import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { diffRecords } from '../../federation/model/diff.ts';
import { compareHeadOrder } from '../../federation/model/head.ts';
import type { ClusterId } from '../../federation/model/ids.ts';
import type { RecordSet } from '../../federation/model/records.ts';
import type { Store, StoredCluster, StoredRoster } from '../../federation/store/contract.ts';
import { openStore } from '../../federation/store/open.ts';
import { rim } from '../../federation/sync/clusterset.fixture.ts';
import type { Reply } from '../redis/resp-decode.ts';
import type { Argument, RespClient } from '../redis/resp.ts';
import type { TestServer } from '../redis/server.ts';
import { IsthmusError } from '../../runtime/errors.ts';
import { Archive } from './archive.ts';
import type { Tally } from './attack.ts';
import { HOSTILE } from './cast.ts';
import type { Dice } from './dice.ts';
import type { Disk, Field, Link } from './field.ts';
import { FolderDisk } from './folder-disk.ts';
import { RespProxy } from './resp-proxy.ts';
import { HurriedClock } from './hurried-clock.ts';
import { WireEnemy } from './wire-enemy.ts';
import { clusterKey, clustersetKey, decodeHead, encodeHead, encodeRoster } from './wire-layout.ts';

/** A real server behind a proxy for each client, in real time that passes faster. One server serves many runs. */
export interface WireFieldComponents {
  readonly server: TestServer;
  readonly dice: Dice;
  readonly tally: Tally;
}

/** Intervals of seconds become fractions of one; time-outs of 2 s stay above what a busy machine takes for a round trip. */
const FACTOR = 6;
/** Where the certificates of the cast are valid. */
const EPOCH_AT_START_MS = Date.UTC(2026, 0, 1);

export class WireField implements Field {
  readonly clock = new HurriedClock({ factor: FACTOR, epochAtStartMs: EPOCH_AT_START_MS });
  readonly archive = new Archive();
  readonly patience = 6;
  readonly hasHonestStore = false;
  readonly #components: WireFieldComponents;
  readonly #clusterset: string;
  readonly #own: RespClient;
  readonly #folder: string;
  readonly #opened = new AsyncDisposableStack();
  readonly #proxies: RespProxy[] = [];
  readonly #planted = new Set<ClusterId>();
  #hostile: Store | undefined;
  #roster: StoredRoster | undefined;

  private constructor(components: WireFieldComponents, clusterset: string, own: RespClient, folder: string) {
    this.#components = components;
    this.#clusterset = clusterset;
    this.#own = own;
    this.#folder = folder;
  }

  /** @param clusterset of this run alone: runs share the server. */
  static async open(components: WireFieldComponents, clusterset: string): Promise<WireField> {
    const own = await components.server.connect();
    const folder = await mkdtemp(join(tmpdir(), 'isthmus-hostile-'));
    return new WireField(components, clusterset, own, folder);
  }

  async link(name: string): Promise<Link> {
    const { server, dice, tally } = this.#components;
    const truth = (cluster: string): Promise<StoredCluster | undefined> => this.#remembered(cluster);
    const enemy = new WireEnemy({ dice: dice.of(name), tally, archive: this.archive, truth });
    const proxy = this.#opened.use(await RespProxy.listen({ targetPort: server.port, enemy }));
    this.#proxies.push(proxy);
    const store = await this.#open(`redis://127.0.0.1:${proxy.port}`, dice.of(`${name} jitter`).below(2 ** 31));
    return {
      store,
      turnHostile: () => enemy.turnHostile(),
      turnHonest: () => {
        enemy.turnHonest();
        proxy.endBroken();
      },
    };
  }

  async #open(url: string, seed: number): Promise<Store> {
    const components = { ...rim(this.clock, seed), clusterset: this.#clusterset };
    return this.#opened.use(await openStore(url, components));
  }

  async disk(name: string): Promise<Disk> {
    return new FolderDisk({ clock: this.clock }, join(this.#folder, name));
  }

  async putRoster(roster: StoredRoster): Promise<void> {
    this.#roster = roster;
    this.archive.keepRoster(roster);
    await this.#showRoster(roster);
  }

  /** In its own place with the login that it has, as long as the store takes it; else as if there were no rules. */
  async plant(place: ClusterId, state: StoredCluster): Promise<void> {
    if (place === HOSTILE && (await this.#committed(place, state))) return;
    this.#planted.add(place);
    const records = [...state.records].flatMap(([key, bytes]): Argument[] => [key, bytes]);
    await this.#transaction([
      ['SET', this.#key(place, 'head'), encodeHead(state)],
      ['DEL', this.#key(place, 'rec'), this.#key(place, 'log')],
      ...(records.length === 0 ? [] : [['HSET', this.#key(place, 'rec'), ...records]]),
      ['SADD', clustersetKey(this.#clusterset, 'clusters'), place],
      ['PUBLISH', clustersetKey(this.#clusterset, 'notice'), place],
    ]);
  }

  async #committed(place: ClusterId, { order, head, records }: StoredCluster): Promise<boolean> {
    this.#hostile ??= await this.#open(this.#components.server.url, 0);
    const before = (await this.#read(place))?.records ?? new Map();
    try {
      await this.#hostile.commit({ cluster: place, order, head, ...diffRecords(before, records) });
      return true;
    } catch (error) {
      if (error instanceof IsthmusError) return false;
      throw error;
    }
  }

  async plantRoster(roster: StoredRoster): Promise<void> {
    await this.#showRoster(roster);
  }

  async truth(cluster: ClusterId): Promise<StoredCluster | undefined> {
    return this.#read(cluster);
  }

  async cleanUp(): Promise<void> {
    for (const place of this.#planted) {
      const places = ['head', 'rec', 'log'] as const;
      await this.#own.callRaw('DEL', ...places.map((each) => this.#key(place, each)));
    }
    if (this.#roster !== undefined) await this.#showRoster(this.#roster);
  }

  async passTime(durationMs: number): Promise<void> {
    await this.clock.sleep(durationMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#opened.disposeAsync();
    this.#own.close();
    this.clock[Symbol.dispose]();
    await rm(this.#folder, { recursive: true, force: true });
  }

  #key(cluster: string, place: 'head' | 'rec' | 'log'): string {
    return clusterKey(this.#clusterset, cluster, place);
  }

  async #showRoster(roster: StoredRoster): Promise<void> {
    await this.#own.callRaw('SET', clustersetKey(this.#clusterset, 'roster'), encodeRoster(roster));
    await this.#own.callRaw('PUBLISH', clustersetKey(this.#clusterset, 'notice'), 'roster');
  }

  /** The truth, which the archive keeps from now on. */
  async #remembered(cluster: string): Promise<StoredCluster | undefined> {
    const state = await this.#read(cluster);
    const last = this.archive.of(cluster).at(-1);
    if (state !== undefined && (last === undefined || compareHeadOrder(state.order, last.order) !== 0)) {
      this.archive.keep(cluster, state);
    }
    return state;
  }

  async #read(cluster: string): Promise<StoredCluster | undefined> {
    const [head, records] = await this.#transaction([
      ['GET', this.#key(cluster, 'head')],
      ['HGETALL', this.#key(cluster, 'rec')],
    ]);
    const stored = Buffer.isBuffer(head) ? decodeHead(head) : undefined;
    return stored && { ...stored, records: recordsOf(records) };
  }

  /** Written at once, so that no other call of this run comes between. */
  async #transaction(commands: readonly (readonly Argument[])[]): Promise<readonly Reply[]> {
    const all = [['MULTI'], ...commands, ['EXEC']].map((words) => this.#own.callRaw(...words));
    const replies = (await Promise.all(all)).at(-1);
    return Array.isArray(replies) ? replies : [];
  }
}

function recordsOf(reply: Reply): RecordSet {
  const items = Array.isArray(reply) ? reply.filter((item) => Buffer.isBuffer(item)) : [];
  const records = new Map<string, Uint8Array>();
  for (let index = 0; index + 1 < items.length; index += 2) {
    const [key, bytes] = [items[index], items[index + 1]];
    if (key !== undefined && bytes !== undefined) records.set(key.toString('utf8'), bytes);
  }
  return records;
}
