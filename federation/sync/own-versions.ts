import type { Clock } from '../../runtime/clock.ts';
import { signHead } from '../../trust/head-signature.ts';
import type { PrivateKey } from '../../trust/private-key.ts';
import { diffRecords, isEmptyChange, type RecordChange } from '../model/diff.ts';
import { RecordDigest } from '../model/digest.ts';
import { encodeHead } from '../model/head-codec.ts';
import { HEAD_SCHEMA, type HeadOrder, type SignedHead } from '../model/head.ts';
import type { ClusterId } from '../model/ids.ts';
import type { RecordSet } from '../model/records.ts';
import type { Writer } from './own-copy.ts';

/**
 * The one maker of this writer's versions and heads, however many stores they go to. A number stands for one content,
 * whatever becomes of the attempts to write it: two digests under one version would be equivocation, and every reader
 * would have to say so.
 */
export interface OwnVersionsComponents {
  readonly clock: Clock;
  readonly marks: { reserveVersion(version: number): Promise<void> };
}

export interface OwnVersionsInit extends Writer {
  readonly cluster: ClusterId;
  /** The first version is above this. */
  readonly initialVersion: number;
}

export interface HeadParts {
  readonly rosterSeen: number;
  readonly acks: Readonly<Record<string, string>>;
  readonly key: PrivateKey;
  readonly signerChain: string;
}

/** The newest version, and the newest head over it. The same for all stores. */
export interface OwnVersion {
  readonly order: HeadOrder;
  readonly head: SignedHead;
  readonly digest: RecordDigest;
  readonly records: RecordSet;
  /** What led here, for a store that holds exactly what was before. */
  readonly step: { readonly before: RecordSet; readonly change: RecordChange };
}

const NOTHING: RecordSet = new Map();

export class OwnVersions {
  readonly #components: OwnVersionsComponents;
  readonly #init: OwnVersionsInit;
  #newest: OwnVersion | undefined;
  #version: number;
  #beat = 0;

  constructor(components: OwnVersionsComponents, init: OwnVersionsInit) {
    this.#components = components;
    this.#init = init;
    this.#version = init.initialVersion;
  }

  get newest(): OwnVersion | undefined {
    return this.#newest;
  }

  /**
   * A new version when `desired` is not what the newest holds, or when its number must be above `floor`: what some store
   * already has under our name. One call at a time.
   */
  async next(desired: RecordSet, parts: HeadParts, floor: number): Promise<OwnVersion> {
    const before = this.#newest?.records ?? NOTHING;
    const change = diffRecords(before, desired);
    const isSame = this.#newest !== undefined && isEmptyChange(change);
    if (this.#newest !== undefined && isSame && this.#version > floor) return this.#newest;
    const version = Math.max(this.#version, floor) + 1;
    await this.#components.marks.reserveVersion(version);
    this.#version = version;
    this.#beat = 0;
    const records = isSame ? before : desired;
    const digest = (this.#newest?.digest ?? RecordDigest.empty()).with(change);
    return this.#make({ records, digest, step: { before, change } }, parts);
  }

  /** The newest version signed again, so that readers see a living writer. No order is ever signed twice. */
  beat(parts: HeadParts): void {
    if (this.#newest === undefined) return;
    this.#beat += 1;
    this.#make(this.#newest, parts);
  }

  #make(content: Pick<OwnVersion, 'records' | 'digest' | 'step'>, parts: HeadParts): OwnVersion {
    const { cluster, incarnation, epoch, writerId } = this.#init;
    const { key, signerChain, rosterSeen, acks } = parts;
    const { records, digest, step } = content;
    const order = { incarnation, epoch, writerId, version: this.#version, beat: this.#beat };
    const issuedAtMs = Math.floor(this.#components.clock.epochMs());
    const bytes = encodeHead({
      ...order,
      schema: HEAD_SCHEMA,
      cluster,
      digest: digest.hex,
      rosterSeen,
      acks,
      issuedAtMs,
    });
    const head = { bytes, signature: signHead(key, bytes), signerChain };
    this.#newest = { order, head, digest, records, step };
    return this.#newest;
  }
}
