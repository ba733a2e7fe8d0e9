import type { Clock } from '../../runtime/clock.ts';
import type { Logger } from '../../runtime/log.ts';
import type { Metrics } from '../../runtime/metrics.ts';
import { signHead } from '../../trust/head-signature.ts';
import type { PrivateKey } from '../../trust/private-key.ts';
import { diffRecords } from '../model/diff.ts';
import { RecordDigest } from '../model/digest.ts';
import { encodeHead } from '../model/head-codec.ts';
import { HEAD_SCHEMA, type Head, type HeadOrder, isSameVersion, type SignedHead } from '../model/head.ts';
import type { ClusterId } from '../model/ids.ts';
import type { RecordSet } from '../model/records.ts';
import { FencedError, type Store } from '../store/contract.ts';
import { BULK_TIMEOUT_MS, COMMAND_TIMEOUT_MS, commitTimeoutMs, withDeadline } from './deadline.ts';
import { judgeOwnCopy, type Writer } from './own-copy.ts';

/**
 * One writer's calls on the store under its own name, and what it knows of the store's copy. The store is not trusted
 * to keep what it was given: after every doubt (start, failure, regress) the copy is read before it is written again,
 * because a delta on top of a guess would leave records behind that no head accounts for.
 */
export interface OwnWriterComponents {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly marks: { reserveVersion(version: number): Promise<void> };
  readonly signal: AbortSignal;
}

export interface OwnWriterInit extends Writer {
  readonly cluster: ClusterId;
  readonly initialVersion: number;
}

export interface HeadParts {
  readonly rosterSeen: number;
  readonly acks: Readonly<Record<string, string>>;
  readonly key: PrivateKey;
  readonly signerChain: string;
}

interface Copy {
  readonly records: RecordSet;
  readonly digest: RecordDigest;
}

const NOTHING: RecordSet = new Map();

export class OwnWriter {
  readonly #components: OwnWriterComponents;
  readonly #init: OwnWriterInit;
  /** What the store holds, as far as we know; absent when in doubt. */
  #copy: Copy | undefined;
  #needsRepair = true;
  /** A commit's outcome is unknown: it may even land after the next read. Only a commit of ours settles that. */
  #inDoubt = false;
  #written: { readonly order: HeadOrder; readonly digest: string } | undefined;
  /** The newest version of ours that the store was seen to hold, log and all. */
  #verified: HeadOrder | undefined;
  #version: number;
  #beat = 0;

  constructor(components: OwnWriterComponents, init: OwnWriterInit) {
    this.#components = components;
    this.#init = init;
    this.#version = init.initialVersion;
  }

  /** Of the last commit or beat that the store confirmed. */
  get order(): HeadOrder | undefined {
    return this.#written?.order;
  }

  get knowsStore(): boolean {
    return this.#copy !== undefined;
  }

  /** The copy in the store is not what we last wrote, or not ours: the next commit must go out even without a change. */
  get needsRepair(): boolean {
    return this.#needsRepair;
  }

  /** Reads our whole copy. @throws FencedError when another writer has taken over. */
  async learn(): Promise<void> {
    const { store } = this.#components;
    const stored = await this.#call('read', BULK_TIMEOUT_MS, store.read(this.#init.cluster));
    const judged = judgeOwnCopy(this.#init, this.#written?.order, stored?.order);
    if (judged.kind === 'fenced') throw new FencedError(judged.stored);
    if (judged.kind === 'regressed') this.#reportRollback(judged.stored);
    if (stored?.order.incarnation === this.#init.incarnation) {
      this.#version = Math.max(this.#version, stored.order.version);
    }
    const records = stored?.records ?? NOTHING;
    const digest = RecordDigest.of(records);
    const damaged = judged.kind === 'current' && digest.hex !== this.#written?.digest;
    if (damaged) this.#reportDamage();
    this.#needsRepair = judged.kind !== 'current' || damaged || this.#inDoubt;
    this.#copy = { records, digest };
    this.#verified = this.#needsRepair ? undefined : this.#written?.order;
  }

  /**
   * One small call that tells whether the store still builds on what we wrote; reads the whole copy when it does not.
   * Asked is for the changes since the last *verified* version: a store that went back and then took a delta of ours
   * has our newest head over the wrong records, and shows it by not knowing the version before.
   */
  async check(): Promise<void> {
    const [written, verified] = [this.#written, this.#verified];
    if (written === undefined || verified === undefined) return await this.learn();
    const { store } = this.#components;
    const changes = await this.#call('changes', COMMAND_TIMEOUT_MS, store.changes(this.#init.cluster, verified));
    if (changes.kind === 'gone' || !isSameVersion(changes.order, written.order)) await this.learn();
    else this.#verified = written.order;
  }

  /**
   * Makes the store hold `desired` under a new version. @returns the new order, or nothing when there was nothing to do.
   * @throws what the store throws; its outcome is then unknown, and the copy is learnt anew before the next attempt.
   */
  async commit(desired: RecordSet, parts: HeadParts): Promise<HeadOrder | undefined> {
    const copy = this.#copy ?? { records: NOTHING, digest: RecordDigest.of(NOTHING) };
    const change = diffRecords(copy.records, desired);
    if (!this.#needsRepair && change.puts.size === 0 && change.deletes.length === 0) return undefined;
    const version = this.#version + 1;
    await this.#components.marks.reserveVersion(version);
    this.#version = version;
    this.#beat = 0;
    const digest = copy.digest.with(change);
    const order = this.#nextOrder();
    const head = this.#sign(order, digest.hex, parts);
    this.#copy = undefined;
    this.#inDoubt = true;
    const timeoutMs = commitTimeoutMs(sizeOf(change.puts));
    const { cluster } = this.#init;
    await this.#call('commit', timeoutMs, this.#components.store.commit({ cluster, order, head, ...change }));
    // A repair wrote on top of what had just been read; a reader's log begins with it.
    if (this.#needsRepair) this.#verified = order;
    this.#copy = { records: desired, digest };
    this.#written = { order, digest: digest.hex };
    this.#needsRepair = false;
    this.#inDoubt = false;
    this.#count('isthmus_publish_commits_total', 'Versions written to the store');
    return order;
  }

  /** Signs the current version again, so that readers see a living writer. Does nothing before the first commit. */
  async beat(parts: HeadParts): Promise<void> {
    if (this.#written === undefined || this.#needsRepair) return;
    // Counted up before the call: a beat whose answer was lost may have been stored, and is never signed twice.
    this.#beat += 1;
    const order = this.#nextOrder();
    const { digest } = this.#written;
    const head = this.#sign(order, digest, parts);
    await this.#call('beat', COMMAND_TIMEOUT_MS, this.#components.store.beat(this.#init.cluster, { order, head }));
    this.#written = { order, digest };
    this.#count('isthmus_publish_beats_total', 'Heads re-signed without a new version');
  }

  #nextOrder(): HeadOrder {
    const { incarnation, epoch, writerId } = this.#init;
    return { incarnation, epoch, writerId, version: this.#version, beat: this.#beat };
  }

  #sign(order: HeadOrder, digest: string, parts: HeadParts): SignedHead {
    const { key, signerChain, rosterSeen, acks } = parts;
    const issuedAtMs = Math.floor(this.#components.clock.epochMs());
    const head: Head = {
      ...order,
      schema: HEAD_SCHEMA,
      cluster: this.#init.cluster,
      digest,
      rosterSeen,
      acks,
      issuedAtMs,
    };
    const bytes = encodeHead(head);
    return { bytes, signature: signHead(key, bytes), signerChain };
  }

  #call<T>(what: string, timeoutMs: number, work: Promise<T>): Promise<T> {
    const { clock, signal } = this.#components;
    return withDeadline(work, { clock, timeoutMs, what, signal });
  }

  #reportRollback(stored: HeadOrder | undefined): void {
    this.#count('isthmus_store_rollback_detected_total', 'The store held an older state of ours than we had written');
    this.#components.log.warn('the store went back behind what was published, publishing the whole state again', {
      written: this.#written?.order,
      stored: stored ?? 'nothing',
    });
  }

  #reportDamage(): void {
    this.#count('isthmus_store_damage_detected_total', 'Our records in the store did not match the head over them');
    this.#components.log.warn('the store lost or changed records under a valid head, publishing them again', {
      written: this.#written?.order,
    });
  }

  #count(name: string, help: string): void {
    this.#components.metrics.counter(name, help).add();
  }
}

function sizeOf(records: RecordSet): number {
  let bytes = 0;
  for (const record of records.values()) bytes += record.byteLength;
  return bytes;
}
