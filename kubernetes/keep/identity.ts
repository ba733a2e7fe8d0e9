import { type ClusterId } from '../../federation/model/ids.ts';
import { fromPem, toPem } from '../../trust/certificates.ts';
import { readCertificate } from '../../trust/certificate-reader.ts';
import type { Roster } from '../../trust/contract.ts';
import type { PrivateKey } from '../../trust/private-key.ts';
import { openRoster, ROSTER_LIMITS } from '../../trust/roster.ts';
import { Secret, SECRET_BYTES } from '../../trust/secret.ts';
import { ForeignContentError, type KeptData, octetsOf, utf8 } from './kept-object.ts';
import { pack, unpack } from './packed.ts';
import { entryOf, readKey } from './secret-key-store.ts';

/**
 * What makes a cluster a member, in one Secret and so in one write: whoever finds the certificate finds everything else too.
 * Private keys are entries that `SecretKeyStore` knows; before the join is answered they are all that is there.
 */
export interface Identity {
  readonly caKey: PrivateKey;
  /** Only on the authority. */
  readonly rootKey: PrivateKey | undefined;
  /** DER. */
  readonly clusterCa: Uint8Array;
  /** DER. */
  readonly roots: readonly Uint8Array[];
  /** The roster of the moment of joining, as it was signed. */
  readonly rosterBytes: Uint8Array;
  /** 32 octets: the secret marker of the gateways' last-resort answer, the same at all replicas. */
  readonly voidToken: Secret;
  /** The store that the join token named, where the Site names none. */
  readonly store?: string | undefined;
}

export const CLUSTER_CA_KEY = 'cluster-ca';
export const ROOT_KEY = 'root';
const ENTRY = {
  clusterCa: 'cluster-ca.crt',
  roots: 'root.crt',
  roster: 'roster.json.gz',
  voidToken: 'void-token',
  store: 'store',
} as const;

/** Whose identity it must be. */
export interface IdentityOwner {
  readonly cluster: ClusterId;
  readonly clustersetDomain: string;
  readonly authority: boolean;
}

/** Entries to be added to what the Secret has: the keys are in it, or come with it. */
export function encodeIdentity(identity: Identity): KeptData {
  const { caKey, rootKey, clusterCa, roots, rosterBytes, voidToken, store } = identity;
  const entries: [string, Uint8Array][] = [
    [entryOf(CLUSTER_CA_KEY), octetsOf(caKey.revealPem())],
    [ENTRY.clusterCa, octetsOf(toPem([clusterCa]))],
    [ENTRY.roots, octetsOf(toPem(roots))],
    [ENTRY.roster, pack(rosterBytes)],
    [ENTRY.voidToken, octetsOf(Buffer.from(voidToken.reveal()).toString('hex'))],
  ];
  if (store !== undefined) entries.push([ENTRY.store, octetsOf(store)]);
  if (rootKey !== undefined) entries.push([entryOf(ROOT_KEY), octetsOf(rootKey.revealPem())]);
  return new Map(entries);
}

/**
 * @param what names the object in errors
 * @returns undefined when it holds no identity yet
 * @throws ForeignContentError, naming the entry, when it holds anything else than this cluster's
 */
export function decodeIdentity(data: KeptData | undefined, owner: IdentityOwner, what: string): Identity | undefined {
  const foreign = (key: string, problem: string): ForeignContentError => new ForeignContentError(what, key, problem);
  const caKey = readKey(data, CLUSTER_CA_KEY, what);
  const rootKey = readKey(data, ROOT_KEY, what);
  if (data?.has(ENTRY.clusterCa) !== true) {
    const left = [...Object.values(ENTRY)].find((key) => data?.has(key));
    if (left !== undefined) throw foreign(ENTRY.clusterCa, `is missing beside ${left}`);
    return undefined;
  }
  const need = (key: string): Uint8Array => {
    const value = data.get(key);
    if (value === undefined) throw foreign(key, 'is missing');
    return value;
  };
  if (caKey === undefined) throw foreign(entryOf(CLUSTER_CA_KEY), 'is missing');
  if (owner.authority && rootKey === undefined)
    throw foreign(entryOf(ROOT_KEY), 'is missing, and this is the authority');
  const [clusterCa] = certificatesIn(need(ENTRY.clusterCa), () => foreign(ENTRY.clusterCa, NO_CERTIFICATE));
  const roots = certificatesIn(need(ENTRY.roots), () => foreign(ENTRY.roots, NO_CERTIFICATE));
  if (!isCertificateOf(clusterCa, caKey))
    throw foreign(ENTRY.clusterCa, `is not the certificate of ${entryOf(CLUSTER_CA_KEY)}`);
  const rosterBytes = unpack(need(ENTRY.roster), ROSTER_LIMITS.bytesMax);
  const roster = rosterBytes && openRoster({ bytes: rosterBytes, pinnedRoots: roots });
  if (roster?.ok !== true || rosterBytes === undefined)
    throw foreign(ENTRY.roster, 'is no roster that its root signed');
  const problem = strangerIn(roster.value, owner);
  if (problem !== undefined) throw foreign(ENTRY.roster, problem);
  const hex = utf8(need(ENTRY.voidToken)).trim();
  if (!/^[0-9a-f]+$/.test(hex) || hex.length !== 2 * SECRET_BYTES)
    throw foreign(ENTRY.voidToken, 'is not 64 hex digits');
  const store = data.get(ENTRY.store);
  return {
    caKey,
    rootKey,
    clusterCa,
    roots,
    rosterBytes,
    voidToken: new Secret(Buffer.from(hex, 'hex')),
    ...(store === undefined ? {} : { store: utf8(store).trim() }),
  };
}

export function isSameIdentity(left: Identity, right: Identity): boolean {
  const [one, other] = [encodeIdentity(left), encodeIdentity(right)];
  if (one.size !== other.size) return false;
  return [...one].every(([key, value]) => Buffer.compare(value, other.get(key) ?? new Uint8Array()) === 0);
}

const NO_CERTIFICATE = 'is not a certificate in PEM';

function certificatesIn(pem: Uint8Array, foreign: () => ForeignContentError): readonly [Uint8Array, ...Uint8Array[]] {
  try {
    const [first, ...others] = fromPem(utf8(pem));
    if (first !== undefined) return [first, ...others];
  } catch {
    // The reader's own words name no entry.
  }
  throw foreign();
}

function isCertificateOf(certificate: Uint8Array, key: PrivateKey): boolean {
  const read = readCertificate(certificate);
  return read.ok && Buffer.compare(read.value.publicKey, key.publicKey) === 0;
}

function strangerIn(roster: Roster, { cluster, clustersetDomain }: IdentityOwner): string | undefined {
  if (roster.clustersetDomain !== clustersetDomain) {
    return `is of the clusterset ${roster.clustersetDomain}, and the Site says ${clustersetDomain}`;
  }
  const isMember = roster.members.some((member) => member.cluster === cluster);
  return isMember ? undefined : `has no member ${cluster}, which the Site says this cluster is`;
}
