import type { Checked, RosterMember } from '../../trust/contract.ts';
import { checkGatewayAddress } from './addresses.ts';
import type { Accepted, AcceptInput } from './candidate.ts';
import { Candidate } from './candidate.ts';
import { decodeRecord } from './decode.ts';
import { compareHeadOrder, isSameVersion } from './head.ts';
import { decodeHead } from './head-codec.ts';
import { chainKey, isRecordKey } from './record-keys.ts';
import type { RecordBytes, RecordLimits } from './records.ts';

export type { Accepted, AcceptInput, HighWaterMark, VerifyHead } from './candidate.ts';

/**
 * The accept rule (DESIGN section 5): what a reader demands of a cluster's head and records before it believes a word.
 * The list below is the rule; its order is part of it, because cheap and identity checks protect the costly ones.
 * A refusal keeps that cluster's last good whole and never touches another cluster.
 */
export interface Clause {
  readonly name: string;
  /** `head` clauses are judged for beats too; `records` clauses only when records may have changed. */
  readonly scope: 'head' | 'records';
  check(candidate: Candidate): Checked<true>;
}

export type Refusal = {
  readonly ok: false;
  /** Name of the clause that refused: a metric label. */
  readonly clause: string;
  readonly reason: string;
  readonly message: string;
};

export type Acceptance = ({ readonly ok: true } & Accepted) | Refusal;

const PASS: Checked<true> = { ok: true, value: true };

export const ACCEPT_RULE: readonly Clause[] = [
  // A removed or quarantined cluster may go on publishing; nobody listens.
  { name: 'member', scope: 'head', check: checkMember },
  // A head of one cluster under the place of another is a copy, however valid its signature.
  { name: 'cluster', scope: 'head', check: checkCluster },
  // A cluster that joined anew starts anew; heads of its earlier life are replays.
  { name: 'incarnation', scope: 'head', check: checkIncarnation },
  { name: 'signature', scope: 'head', check: checkSignature },
  // The store may be an old backup, or show different readers different things.
  { name: 'order', scope: 'head', check: checkOrder },
  // Before anything is hashed: a member may be hostile and its records endless.
  { name: 'limits', scope: 'records', check: checkLimits },
  { name: 'quota', scope: 'records', check: checkQuota },
  // The head signs the whole set: no record can be forged, mixed from two versions or left out.
  { name: 'digest', scope: 'records', check: checkDigest },
  { name: 'records', scope: 'records', check: checkRecords },
  { name: 'namespaces', scope: 'records', check: checkNamespaces },
  // A record is data, but gateways dial what it names: it must not aim them at the reader's own side.
  { name: 'addresses', scope: 'records', check: checkAddresses },
];

/** Judges a whole record set. Time proportional to what differs from `previous`, but for counting. */
export function accept(input: AcceptInput, clauses: readonly Clause[] = ACCEPT_RULE): Acceptance {
  const head = decodeHead(input.signed.bytes);
  if (!head.ok) return { ok: false, clause: 'head', reason: head.reason, message: head.message };
  const candidate = new Candidate(input, head.value);
  const refusal = firstRefusal(candidate, clauses);
  if (refusal !== undefined) return refusal;
  const view = candidate.view;
  if (!view.ok) return { ok: false, clause: 'records', reason: view.reason, message: view.message };
  const { records, digest, totals, mark } = candidate;
  return { ok: true, view: view.value, records, digest, totals, mark };
}

/** A beat brings no records, so limits and ranges have nothing to say about it. */
export type BeatInput = Omit<AcceptInput, 'records' | 'mark' | 'previous'> & { readonly previous: Accepted };

/**
 * Judges a newer beat of the version accepted before: one signature check, no hashing, no decoding. A head of another
 * version is refused with `NotABeat`: fetch its records and call `accept`.
 */
export function acceptBeat(input: BeatInput, clauses: readonly Clause[] = ACCEPT_RULE): Acceptance {
  const { previous } = input;
  const head = decodeHead(input.signed.bytes);
  if (!head.ok) return { ok: false, clause: 'head', reason: head.reason, message: head.message };
  if (!isSameVersion(head.value, previous.mark.order)) {
    return { ok: false, clause: 'head', reason: 'NotABeat', message: 'the head names another version' };
  }
  const candidate = new Candidate({ ...input, records: previous.records, mark: previous.mark }, head.value);
  const refusal = firstRefusal(
    candidate,
    clauses.filter((clause) => clause.scope === 'head'),
  );
  if (refusal !== undefined) return refusal;
  return { ok: true, ...previous, view: { ...previous.view, head: head.value }, mark: candidate.mark };
}

function firstRefusal(candidate: Candidate, clauses: readonly Clause[]): Refusal | undefined {
  for (const clause of clauses) {
    const checked = clause.check(candidate);
    if (!checked.ok) return { ok: false, clause: clause.name, reason: checked.reason, message: checked.message };
  }
  return undefined;
}

function refuse(reason: string, message: string): Checked<never> {
  return { ok: false, reason, message };
}

function checkMember({ member, input }: Candidate): Checked<true> {
  if (member === undefined) return refuse('NotAMember', `${input.cluster} is not in the roster`);
  if (member.status !== 'active') return refuse('MemberNotActive', `${input.cluster} is ${member.status}`);
  return PASS;
}

function checkCluster({ head, input }: Candidate): Checked<true> {
  if (head.cluster === input.cluster) return PASS;
  return refuse('WrongCluster', `a head of ${head.cluster} in the place of ${input.cluster}`);
}

function checkIncarnation({ head, member }: Candidate): Checked<true> {
  if (head.incarnation === member?.incarnation) return PASS;
  return refuse(
    'WrongIncarnation',
    `incarnation ${head.incarnation}, the roster says ${member?.incarnation ?? 'nothing'}`,
  );
}

function checkSignature({ input, member }: Candidate): Checked<true> {
  const { signed, roster, records, limits } = input;
  const key = chainKey(signed.signerChain);
  const bytes = records.get(key);
  if (bytes === undefined) return refuse('ChainMissing', "the signer's chain is not among the records");
  const chain = readChain(key, bytes, limits);
  if (!chain.ok) return chain;
  const checked = input.verifyHead({
    cluster: input.cluster,
    clustersetDomain: roster.clustersetDomain,
    headBytes: signed.bytes,
    signature: signed.signature,
    chain: chain.value,
    anchors: anchorsOf(member),
    atMs: input.atMs,
  });
  return checked.ok ? PASS : checked;
}

/** Every beat names the same chain, and records keep their identity: what was read of one is kept as long as it is. */
const chainOf = new WeakMap<RecordBytes, { readonly key: string; readonly chain: readonly Uint8Array[] }>();
const anchorsKept = new WeakMap<RosterMember, readonly Uint8Array[]>();

function readChain(key: string, bytes: RecordBytes, limits: RecordLimits): Checked<readonly Uint8Array[]> {
  const known = chainOf.get(bytes);
  if (known?.key === key) return { ok: true, value: known.chain };
  const record = decodeRecord(key, bytes, limits);
  if (!record.ok) return record;
  if (record.value.kind !== 'chain') return refuse('ChainMissing', 'the signer chain names another kind of record');
  const chain = record.value.certificates.map(fromBase64);
  chainOf.set(bytes, { key, chain });
  return { ok: true, value: chain };
}

function anchorsOf(member: RosterMember | undefined): readonly Uint8Array[] {
  if (member === undefined) return [];
  const anchors = anchorsKept.get(member) ?? member.caCertificates.map(fromBase64);
  anchorsKept.set(member, anchors);
  return anchors;
}

function checkOrder({ head, input }: Candidate): Checked<true> {
  const { mark } = input;
  if (mark === undefined) return PASS;
  if (isSameVersion(head, mark.order) && head.digest !== mark.digest) {
    return refuse(
      'Equivocation',
      `version ${head.version} was signed with two digests: ${mark.digest}, ${head.digest}`,
    );
  }
  if (compareHeadOrder(head, mark.order) >= 0) return PASS;
  return refuse('Rollback', `version ${head.version} beat ${head.beat} of epoch ${head.epoch} is older than accepted`);
}

/** Keys and sizes of what is new; what was accepted before was looked at then. */
function checkLimits(candidate: Candidate): Checked<true> {
  const { records, limits } = candidate.input;
  if (records.size > limits.recordsMax) {
    return refuse('TooManyRecords', `${records.size} records, more than ${limits.recordsMax}`);
  }
  for (const [key, bytes] of candidate.change.puts) {
    if (!isRecordKey(key)) return refuse('InvalidKey', `${JSON.stringify(key.slice(0, 80))} is not a record key`);
    if (bytes.length > limits.recordBytesMax) {
      return refuse('RecordTooLarge', `record ${key} has ${bytes.length} octets, more than ${limits.recordBytesMax}`);
    }
  }
  const { bytes, gateways } = candidate.totals;
  if (bytes > limits.totalBytesMax) {
    return refuse('TooManyBytes', `${bytes} octets, more than ${limits.totalBytesMax}`);
  }
  if (gateways <= limits.gatewaysMax) return PASS;
  return refuse('TooManyGateways', `${gateways} gateways, more than ${limits.gatewaysMax}`);
}

function checkQuota({ input, member, totals: { services } }: Candidate): Checked<true> {
  const servicesMax = Math.min(member?.servicesMax ?? Number.POSITIVE_INFINITY, input.limits.servicesMax);
  if (services <= servicesMax) return PASS;
  return refuse('QuotaExceeded', `${services} services, more than its quota of ${servicesMax}`);
}

function checkDigest({ head, digest }: Candidate): Checked<true> {
  if (digest.hex === head.digest) return PASS;
  return refuse('DigestMismatch', `the records hash to ${digest.hex}, the head signs ${head.digest}`);
}

function checkRecords({ problems }: Candidate): Checked<true> {
  const [first] = problems;
  if (first === undefined) return PASS;
  return refuse(
    first.reason,
    problems.length === 1 ? first.message : `${first.message} (and ${problems.length - 1} more)`,
  );
}

function checkNamespaces({ view, member }: Candidate): Checked<true> {
  if (member?.exportableNamespaces === undefined) return PASS;
  if (!view.ok) return view;
  const allowed = new Set(member.exportableNamespaces);
  for (const service of view.value.services.values()) {
    if (!allowed.has(service.namespace)) {
      return refuse('NamespaceNotAllowed', `it may not export namespace ${service.namespace}`);
    }
  }
  return PASS;
}

function checkAddresses({ view, member, input }: Candidate): Checked<true> {
  if (!view.ok) return view;
  const policy = { dev: input.roster.dev, ownRanges: input.ownRanges, rosterRanges: member?.gatewayRanges };
  for (const gateway of view.value.gateways) {
    for (const address of gateway.addresses) {
      const checked = checkGatewayAddress(address.host, policy);
      if (!checked.ok) return refuse(checked.reason, `gateway ${gateway.name}: ${checked.message}`);
    }
  }
  return PASS;
}

function fromBase64(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'base64'));
}
