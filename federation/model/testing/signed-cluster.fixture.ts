import type { Roster, RosterMember } from '../../../trust/contract.ts';
import { issueClusterCa, issueLeaf, issueRoot } from '../../../trust/certificates.ts';
import { signHead, verifyHead } from '../../../trust/head-signature.ts';
import { PrivateKey } from '../../../trust/private-key.ts';
import { controllerId } from '../../../trust/spiffe.ts';
import { SeededRandom } from '../../../runtime/random.ts';
import type { AcceptInput } from '../accept.ts';
import { RecordDigest } from '../digest.ts';
import { recordKeyOf } from '../encode.ts';
import type { Head, SignedHead } from '../head.ts';
import { encodeHead } from '../head-codec.ts';
import { parseClusterId } from '../ids.ts';
import type { ChainRecord, FederationRecord, RecordSet } from '../records.ts';
import { DEFAULT_RECORD_LIMITS } from '../records.ts';
import { exampleCluster, exampleGateway, exampleHead, exampleService, recordSet } from './records.fixture.ts';

/** A member with real certificates, that signs what a test wants it to sign: the honest one and the hostile one alike. */
export const DOMAIN = 'prod.example.org';
export const NOW_MS = Date.UTC(2026, 5, 1);

export class SignedCluster {
  readonly cluster = parseClusterId('west');
  readonly chain: ChainRecord;
  readonly #caDer: Uint8Array;
  readonly #key = PrivateKey.generate();

  constructor(seed = 1) {
    const random = new SeededRandom(seed);
    const rootKey = PrivateKey.generate();
    const caKey = PrivateKey.generate();
    const root = issueRoot({ key: rootKey, clustersetDomain: DOMAIN, nowMs: NOW_MS, serial: random.bytes(16) });
    this.#caDer = issueClusterCa({
      issuerKey: rootKey,
      issuerCertificate: root,
      publicKey: caKey.publicKey,
      trustDomain: `west.${DOMAIN}`,
      nowMs: NOW_MS,
      serial: random.bytes(16),
    });
    const leaf = issueLeaf({
      issuerKey: caKey,
      issuerCertificate: this.#caDer,
      publicKey: this.#key.publicKey,
      id: controllerId(this.cluster, DOMAIN),
      nowMs: NOW_MS,
      serial: random.bytes(16),
    });
    this.chain = { kind: 'chain', certificates: [toBase64(leaf), toBase64(this.#caDer)] };
  }

  /** What it publishes by default, its chain included. */
  records(more: readonly FederationRecord[] = [exampleService()]): RecordSet {
    return recordSet([exampleCluster(), exampleGateway(), this.chain, ...more]);
  }

  sign(head: Head): SignedHead {
    const bytes = encodeHead(head);
    return {
      bytes,
      signature: signHead(this.#key, bytes),
      signerChain: recordKeyOf(this.chain).slice('chain/'.length),
    };
  }

  roster(member: Partial<RosterMember> = {}, fields: Partial<Roster> = {}): Roster {
    const west: RosterMember = {
      cluster: this.cluster,
      incarnation: 1,
      trustDomain: `west.${DOMAIN}`,
      caCertificates: [toBase64(this.#caDer)],
      status: 'active',
      joinedAtMs: 500,
      ...member,
    };
    return {
      schema: 1,
      clustersetDomain: DOMAIN,
      version: 1,
      dev: false,
      issuedAtMs: 0,
      roots: [],
      members: [west],
      ...fields,
    };
  }

  /** Input that the accept rule accepts; a test spoils one thing. The head signs the given records. */
  input(records: RecordSet = this.records(), head: Partial<Head> = {}, rest: Partial<AcceptInput> = {}): AcceptInput {
    return {
      cluster: this.cluster,
      roster: this.roster(),
      signed: this.sign(exampleHead({ digest: RecordDigest.of(records).hex, ...head })),
      records,
      limits: DEFAULT_RECORD_LIMITS,
      ownRanges: ['10.0.0.0/8', 'fd00:10::/32'],
      atMs: NOW_MS,
      verifyHead,
      ...rest,
    };
  }
}

function toBase64(der: Uint8Array): string {
  return Buffer.from(der).toString('base64');
}
