import { RecordDigest } from '../../federation/model/digest.ts';
import { encodeRecord, recordKeyOf } from '../../federation/model/encode.ts';
import type { ClusterId } from '../../federation/model/ids.ts';
import type { RecordSet } from '../../federation/model/records.ts';
import type { Commit, Store, StoredHead } from '../../federation/store/contract.ts';
import { type ListedStore, listStores, type Stores } from '../../federation/store/several.ts';
import { makeWriter, recordsOf, rim } from '../../federation/sync/clusterset.fixture.ts';
import { nextEpoch } from '../../federation/sync/epoch.ts';
import { Marks } from '../../federation/sync/marks.ts';
import type { Publisher } from '../../federation/sync/publisher.ts';
import type { Recorder } from '../history/recorder.ts';
import { recordHashes } from '../history/recorder.ts';
import { clusterset } from './cast.ts';
import type { Dice } from './dice.ts';
import type { Field, Link } from './field.ts';
import { orderOfBytes } from './witness.ts';

/**
 * An honest cluster: the real publisher on an attacked link. What it signs is written down before it leaves, so that there is
 * an account of the truth which no store had a hand in.
 */
export interface HonestWriterComponents {
  readonly field: Field;
  readonly recorder: Recorder;
  readonly dice: Dice;
}

export class HonestWriter {
  readonly cluster: ClusterId;
  readonly link: Link;
  readonly #components: HonestWriterComponents;
  readonly #marks: Marks;
  readonly #store: Stores;
  /** Digest -> hashes of the records, of everything that it ever wanted to say. */
  readonly #wanted = new Map<string, Record<string, string>>();
  #publisher: Publisher | undefined;
  #records: RecordSet = recordsOf({ a: 1 });
  #incarnation = 1;

  private constructor(components: HonestWriterComponents, cluster: ClusterId, link: Link, marks: Marks) {
    this.#components = components;
    this.cluster = cluster;
    this.link = link;
    this.#marks = marks;
    this.#store = this.#recordedAll(link.store);
  }

  static async start(components: HonestWriterComponents, cluster: ClusterId): Promise<HonestWriter> {
    const { field } = components;
    const marks = (await Marks.load(rim(field.clock))).marks;
    const writer = new HonestWriter(components, cluster, await field.link(cluster), marks);
    await writer.#takeOffice();
    return writer;
  }

  /** The next state that it wants the others to see. */
  change(): void {
    const { dice } = this.#components;
    const names = ['a', 'b', 'c', 'd'].filter((name) => name === 'a' || dice.chance(0.6));
    this.#records = recordsOf(Object.fromEntries(names.map((name) => [name, dice.below(4)])));
    this.#publish();
  }

  /** A new leader of the same cluster. */
  async takeOver(): Promise<void> {
    await this.#publisher?.close();
    await this.#takeOffice();
  }

  /** The cluster has joined anew: versions begin again, under a new life. */
  async beginLife(incarnation: number): Promise<void> {
    this.#incarnation = incarnation;
    await this.takeOver();
  }

  sawRoster(version: number): void {
    this.#publisher?.withBeatInfo({ rosterSeen: version, acks: {} });
  }

  async stop(): Promise<void> {
    await this.#publisher?.close();
  }

  async #takeOffice(): Promise<void> {
    const { epoch } = nextEpoch({ persisted: this.#marks.own.epoch });
    await this.#marks.takeEpoch(epoch);
    const components = { ...rim(this.#components.field.clock, epoch), store: this.#store };
    this.#publisher = await makeWriter(clusterset, components, this.cluster, {
      marks: this.#marks,
      epoch,
      incarnation: this.#incarnation,
      initialVersion: this.#incarnation === 1 ? this.#marks.own.version : 0,
    });
    this.#publish();
  }

  #publish(): void {
    const { chain } = clusterset.signer(this.cluster);
    const signed = new Map([...this.#records, [recordKeyOf(chain), encodeRecord(chain)]]);
    const digest = RecordDigest.of(signed).hex;
    this.#wanted.set(digest, recordHashes(signed));
    this.#components.recorder.record({ kind: 'desired', cluster: this.cluster, digest });
    this.#publisher?.publish(this.#records, this.#components.dice.chance(0.7) ? 'availability' : 'weight');
  }

  #recordedAll(stores: Stores): Stores {
    const [first, ...others] = listStores(stores);
    const recorded = ({ name, store }: ListedStore): ListedStore => ({ name, store: this.#recorded(store) });
    return [recorded(first), ...others.map(recorded)];
  }

  #recorded(store: Store): Store {
    const write = (stored: StoredHead): void => this.#signed(stored);
    const recorded: Pick<Store, 'commit' | 'beat'> = {
      commit: async (commit: Commit) => {
        write(commit);
        await store.commit(commit);
      },
      beat: async (cluster: ClusterId, beat: StoredHead) => {
        write(beat);
        await store.beat(cluster, beat);
      },
    };
    return new Proxy(store, {
      get: (target, name) => {
        const value: unknown = Reflect.get(name === 'commit' || name === 'beat' ? recorded : target, name);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  }

  #signed({ head }: StoredHead): void {
    const { order, head: decoded } = orderOfBytes(head.bytes);
    const records = this.#wanted.get(decoded.digest);
    // A store must not talk a writer into signing what it never wanted to say.
    const forbidden = records === undefined ? 'the writer was made to sign it' : undefined;
    const { digest } = decoded;
    this.#components.recorder.record({ kind: 'published', cluster: this.cluster, order, digest, records, forbidden });
  }
}
