import { RecordDigest } from '../../federation/model/digest.ts';
import type { HeadOrder, SignedHead } from '../../federation/model/head.ts';
import { HEAD_SCHEMA } from '../../federation/model/head.ts';
import { encodeHead } from '../../federation/model/head-codec.ts';
import type { ClusterId } from '../../federation/model/ids.ts';
import type { RecordSet } from '../../federation/model/records.ts';
import { sha256Hex } from '../../federation/model/sha256.ts';
import type { Store } from '../../federation/store/contract.ts';
import { signHead } from '../../trust/head-signature.ts';
import type { PrivateKey } from '../../trust/private-key.ts';
import { encoded, memberRecords, serviceRecord, type Shape } from './shape.ts';

/**
 * What a member's controller puts into the store, without the rest of it: a hundred of these fit into the one process
 * that makes the load. Heads are signed and records encoded with the product's own code.
 */
export interface MemberIdentity {
  readonly cluster: ClusterId;
  readonly key: PrivateKey;
  /** DER, leaf first. */
  readonly chain: readonly Uint8Array[];
}

export class MemberWriter {
  readonly cluster: ClusterId;
  readonly #store: Store;
  readonly #key: PrivateKey;
  readonly #init: { readonly shape: Shape; readonly index: number; readonly chain: readonly Uint8Array[] };
  #digest = RecordDigest.empty();
  #signerChain = '';
  #order: HeadOrder = { incarnation: 1, epoch: 1, writerId: 'bench', version: 0, beat: 0 };
  #working: Promise<void> = Promise.resolve();
  #bytes = 0;
  readonly #changed = new Map<number, number>();

  constructor(components: { store: Store }, init: MemberIdentity & { readonly shape: Shape; readonly index: number }) {
    this.cluster = init.cluster;
    this.#store = components.store;
    this.#key = init.key;
    this.#init = init;
  }

  get version(): number {
    return this.#order.version;
  }

  /** Of its first commit: keys and records. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Everything it exports, in one commit. */
  async publish(): Promise<void> {
    const certificates = this.#init.chain.map((der) => Buffer.from(der).toString('base64'));
    const [key, bytes] = encoded({ kind: 'chain', certificates });
    this.#signerChain = sha256Hex(bytes);
    const records = memberRecords(this.#init.shape, this.#init.index).set(key, bytes);
    for (const [name, content] of records) this.#bytes += name.length + content.length;
    await this.#commit(records);
  }

  /**
   * Another number of ready endpoints behind each of some services. As a publisher does, what comes while a commit is
   * under way goes into the next one together.
   */
  change(ready: ReadonlyMap<number, number>): Promise<void> {
    for (const [service, count] of ready) this.#changed.set(service, count);
    return this.#next(async () => {
      if (this.#changed.size === 0) return;
      const { shape, index } = this.#init;
      const changed = [...this.#changed];
      this.#changed.clear();
      await this.#commit(
        new Map(changed.map(([service, count]) => encoded(serviceRecord(shape, index, service, count)))),
      );
    });
  }

  beat(): Promise<void> {
    return this.#next(async () => {
      this.#order = { ...this.#order, beat: this.#order.beat + 1 };
      await this.#store.beat(this.cluster, { order: this.#order, head: this.#sign() });
    });
  }

  /** One call after the other: a beat must not be signed over a commit that is under way. */
  #next(work: () => Promise<void>): Promise<void> {
    this.#working = this.#working.then(work);
    return this.#working;
  }

  async #commit(puts: RecordSet): Promise<void> {
    this.#digest = this.#digest.with({ puts, deletes: [] });
    this.#order = { ...this.#order, version: this.#order.version + 1, beat: 0 };
    await this.#store.commit({ cluster: this.cluster, order: this.#order, head: this.#sign(), puts, deletes: [] });
  }

  #sign(): SignedHead {
    const bytes = encodeHead({
      ...this.#order,
      schema: HEAD_SCHEMA,
      cluster: this.cluster,
      digest: this.#digest.hex,
      rosterSeen: 2,
      acks: {},
      issuedAtMs: Date.now(),
    });
    return { bytes, signature: signHead(this.#key, bytes), signerChain: this.#signerChain };
  }
}
