import { type Head, type HeadOrder, isSameVersion, type SignedHead } from '../../federation/model/head.ts';
import { decodeHead, encodeHead } from '../../federation/model/head-codec.ts';
import { RecordDigest } from '../../federation/model/digest.ts';
import type { RecordSet } from '../../federation/model/records.ts';
import type { StoredCluster } from '../../federation/store/contract.ts';
import type { Archive } from './archive.ts';
import type { AttackKind } from './attack.ts';
import type { Dice } from './dice.ts';

/**
 * What a store without keys can say of a cluster instead of the truth: pure functions over values, for the proxy on the
 * wire and for the store wrapper alike. Whatever comes out was never signed by the cluster in this form at this time.
 */
export interface Lie {
  readonly kind: AttackKind;
  readonly name: string;
  /** Nothing when the material does not suffice; `'absent'` claims that the cluster is not there at all. */
  readonly tell: (truth: StoredCluster, material: Material) => StoredCluster | 'absent' | undefined;
}

export interface Material {
  readonly cluster: string;
  readonly archive: Archive;
  readonly dice: Dice;
}

export const LIES: readonly Lie[] = [
  { kind: 'replay', name: 'old-state', tell: (truth, material) => oldState(truth, material) },
  { kind: 'replay', name: 'old-state-as-newest', tell: oldStateAsNewest },
  { kind: 'replay', name: 'old-beat', tell: oldBeat },
  { kind: 'drop', name: 'cluster', tell: () => 'absent' },
  { kind: 'truncate', name: 'no-records', tell: (truth) => ({ ...truth, records: new Map() }) },
  { kind: 'truncate', name: 'record-left-out', tell: recordLeftOut },
  {
    kind: 'truncate',
    name: 'record-cut',
    tell: (truth, { dice }) => withOneRecord(truth, dice, (bytes) => dice.cut(bytes)),
  },
  {
    kind: 'truncate',
    name: 'head-cut',
    tell: (truth, { dice }) => withHead(truth, { bytes: dice.cut(truth.head.bytes) }),
  },
  {
    kind: 'truncate',
    name: 'signature-cut',
    tell: (truth, { dice }) => withHead(truth, { signature: dice.cut(truth.head.signature) }),
  },
  {
    kind: 'forge',
    name: 'record-octet',
    tell: (truth, { dice }) => withOneRecord(truth, dice, (bytes) => dice.spoil(bytes)),
  },
  {
    kind: 'forge',
    name: 'head-octet',
    tell: (truth, { dice }) => withHead(truth, { bytes: dice.spoil(truth.head.bytes) }),
  },
  {
    kind: 'forge',
    name: 'signature-octet',
    tell: (truth, { dice }) => withHead(truth, { signature: dice.spoil(truth.head.signature) }),
  },
  { kind: 'forge', name: 'signer-chain', tell: (truth) => withHead(truth, { signerChain: '0'.repeat(64) }) },
  { kind: 'forge', name: 'record-added', tell: recordAdded },
  { kind: 'forge', name: 'claimed-order', tell: claimedOrder },
  { kind: 'forge', name: 'claimed-beat', tell: claimedBeat },
  { kind: 'forge', name: 'whole-version', tell: wholeVersion },
  { kind: 'forge', name: 'higher-epoch', tell: higherEpoch },
  { kind: 'forge', name: 'other-incarnation', tell: otherIncarnation },
  { kind: 'forge', name: 'other-cluster', tell: otherCluster },
  { kind: 'mix', name: 'records-under-other-head', tell: graft },
  { kind: 'mix', name: 'half-and-half', tell: halfAndHalf },
  { kind: 'mix', name: 'foreign-record', tell: foreignRecord },
];

/** A state whose version is not the true one's. */
function oldState(truth: StoredCluster, { cluster, archive, dice }: Material): StoredCluster | undefined {
  return dice.pick(archive.of(cluster).filter(({ order }) => !isSameVersion(order, truth.order)));
}

/** The order beside a head is for the store's own fencing and unsigned: it may say anything. */
function oldStateAsNewest(truth: StoredCluster, material: Material): StoredCluster | undefined {
  const old = oldState(truth, material);
  return old && { ...old, order: { ...truth.order, version: truth.order.version + 1 } };
}

function oldBeat(truth: StoredCluster, { cluster, archive, dice }: Material): StoredCluster | undefined {
  const beats = archive.of(cluster).filter(({ order }) => isSameVersion(order, truth.order));
  return dice.pick(beats.filter(({ order }) => order.beat < truth.order.beat));
}

function recordLeftOut(truth: StoredCluster, { dice }: Material): StoredCluster | undefined {
  const key = dice.pick([...truth.records.keys()]);
  if (key === undefined) return undefined;
  const records = new Map(truth.records);
  records.delete(key);
  return { ...truth, records };
}

function recordAdded(truth: StoredCluster, { dice }: Material): StoredCluster | undefined {
  const [key, bytes] = dice.pick([...truth.records].filter(([name]) => name.startsWith('service/'))) ?? [];
  if (key === undefined || bytes === undefined) return undefined;
  return { ...truth, records: new Map([...truth.records, [`${key}-forged`, bytes]]) };
}

function claimedOrder(truth: StoredCluster, { dice }: Material): StoredCluster {
  const ahead: readonly Partial<HeadOrder>[] = [
    { version: truth.order.version + 1 },
    { version: Number.MAX_SAFE_INTEGER },
    { epoch: truth.order.epoch + 1 },
    { incarnation: truth.order.incarnation + 1 },
    { version: 0 },
  ];
  return { ...truth, order: { ...truth.order, ...dice.pick(ahead) } };
}

/** The head of another version, announced as the next beat of this one: a beat is taken without its records. */
function claimedBeat(truth: StoredCluster, material: Material): StoredCluster | undefined {
  const { cluster, archive, dice } = material;
  const other = dice.pick(archive.of(cluster).filter(({ order }) => !isSameVersion(order, truth.order)));
  if (other === undefined) return undefined;
  // Either the newest head posing as a beat of what a reader may still hold, or an old head posing as one of the newest.
  if (dice.chance(0.5)) return { ...truth, order: { ...other.order, beat: other.order.beat + 1 } };
  return { ...truth, head: other.head, order: { ...truth.order, beat: truth.order.beat + 1 } };
}

/** Records and head agree in everything, for whoever does not look at the signature. */
function wholeVersion(truth: StoredCluster, material: Material): StoredCluster | undefined {
  const { dice } = material;
  const forged = recordAdded(truth, material);
  return forged && resigned(forged, { version: truth.order.version + 1 + dice.below(3) });
}

function higherEpoch(truth: StoredCluster, { dice }: Material): StoredCluster | undefined {
  return resigned(truth, { epoch: truth.order.epoch + 1 + dice.below(1_000) });
}

function otherIncarnation(truth: StoredCluster): StoredCluster | undefined {
  return resigned(truth, { incarnation: truth.order.incarnation + 1 });
}

function otherCluster(_truth: StoredCluster, { cluster, archive, dice }: Material): StoredCluster | undefined {
  const other = dice.pick(archive.clusters.filter((name) => name !== cluster));
  return other === undefined ? undefined : archive.of(other).at(-1);
}

function graft(truth: StoredCluster, material: Material): StoredCluster | undefined {
  const old = oldState(truth, material);
  if (old === undefined) return undefined;
  return material.dice.chance(0.5) ? { ...truth, records: old.records } : { ...old, records: truth.records };
}

function halfAndHalf(truth: StoredCluster, material: Material): StoredCluster | undefined {
  const old = oldState(truth, material);
  if (old === undefined) return undefined;
  const records = new Map(truth.records);
  for (const [key, bytes] of old.records) if (material.dice.chance(0.5)) records.set(key, bytes);
  return { ...truth, records };
}

function foreignRecord(truth: StoredCluster, material: Material): StoredCluster | undefined {
  const other = otherCluster(truth, material);
  const [key, bytes] = material.dice.pick([...(other?.records ?? [])]) ?? [];
  if (key === undefined || bytes === undefined) return undefined;
  return { ...truth, records: new Map([...truth.records, [key, bytes]]) };
}

/** The head with other fields and the digest of its records, under the old signature. */
function resigned(state: StoredCluster, fields: Partial<Head>): StoredCluster | undefined {
  const decoded = decodeHead(state.head.bytes);
  if (!decoded.ok) return undefined;
  const head = { ...decoded.value, ...fields, digest: RecordDigest.of(state.records).hex };
  const { incarnation, epoch, writerId, version, beat } = head;
  const order = { incarnation, epoch, writerId, version, beat };
  return { order, records: state.records, head: { ...state.head, bytes: encodeHead(head) } };
}

function withHead(truth: StoredCluster, fields: Partial<SignedHead>): StoredCluster {
  return { ...truth, head: { ...truth.head, ...fields } };
}

function withOneRecord(
  truth: StoredCluster,
  dice: Dice,
  change: (bytes: Uint8Array) => Uint8Array,
): StoredCluster | undefined {
  const [key, bytes] = dice.pick([...truth.records]) ?? [];
  if (key === undefined || bytes === undefined) return undefined;
  const records: RecordSet = new Map([...truth.records, [key, change(bytes)]]);
  return { ...truth, records };
}
