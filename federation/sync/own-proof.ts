import { readCertificate } from '../../trust/certificate-reader.ts';
import type { Roster } from '../../trust/contract.ts';
import { verifyHead } from '../../trust/head-signature.ts';
import { parseSpiffeId } from '../../trust/spiffe.ts';
import { decodeRecord } from '../model/decode.ts';
import { decodeHead } from '../model/head-codec.ts';
import { compareHeadOrder } from '../model/head.ts';
import type { ClusterId } from '../model/ids.ts';
import { chainKey } from '../model/record-keys.ts';
import { type ChainRecord, DEFAULT_RECORD_LIMITS } from '../model/records.ts';
import type { StoredCluster } from '../store/contract.ts';

/**
 * Whether a head that a store shows under our own name was really signed by this cluster. A store may claim any order; a
 * claim that it cannot prove is that store's trouble and must not stop what is written to the others.
 */
export interface OwnProofInit {
  readonly cluster: ClusterId;
  /** The roster in force; before there is one, the own chain alone says who we are. */
  readonly roster: Roster | undefined;
  /** Of this writer. */
  readonly chain: ChainRecord;
}

/**
 * Judged at the time that the head names for itself: a signer that has expired since did use that order. The records under
 * the head play no part, but for the signer's chain.
 */
export function isProvenOwn(stored: StoredCluster, { cluster, roster, chain }: OwnProofInit): boolean {
  const head = decodeHead(stored.head.bytes);
  if (!head.ok || head.value.cluster !== cluster || compareHeadOrder(head.value, stored.order) < 0) return false;
  const key = chainKey(stored.head.signerChain);
  const bytes = stored.records.get(key);
  const signer = bytes === undefined ? undefined : decodeRecord(key, bytes, DEFAULT_RECORD_LIMITS);
  if (signer?.ok !== true || signer.value.kind !== 'chain') return false;
  const member = roster?.members.find((candidate) => candidate.cluster === cluster);
  const ours = chain.certificates.slice(1);
  const checked = verifyHead({
    cluster,
    clustersetDomain: roster?.clustersetDomain ?? domainOf(cluster, chain),
    headBytes: stored.head.bytes,
    signature: stored.head.signature,
    chain: signer.value.certificates.map(fromBase64),
    anchors: [...(member?.caCertificates ?? []), ...ours].map(fromBase64),
    atMs: head.value.issuedAtMs,
  });
  return checked.ok;
}

/** The trust domain of our own leaf is `CLUSTER.CLUSTERSET-DOMAIN`. */
function domainOf(cluster: ClusterId, { certificates: [leaf = ''] }: ChainRecord): string {
  const read = readCertificate(fromBase64(leaf));
  const [name] = read.ok ? read.value.names : [];
  return name === undefined ? '' : parseSpiffeId(name.text).trustDomain.slice(`${cluster}.`.length);
}

function fromBase64(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'base64'));
}
