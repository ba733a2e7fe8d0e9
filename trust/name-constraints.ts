import type { DerNode } from './der.ts';
import {
  childrenOf,
  constructed,
  contentOf,
  DerError,
  decodeDer,
  encodeDer,
  primitive,
  sequence,
  TAG,
  tagOf,
} from './der.ts';
import type { Extension } from './extensions.ts';
import { GENERAL_NAME, OID } from './extensions.ts';

/**
 * Name constraints (RFC 5280, section 4.2.1.10) are the second wall around a cluster's CA. The first is that peers
 * anchor a cluster in its own CA; this one makes every other verifier, Envoy included, refuse what a stolen CA signs
 * for somebody else's domain.
 */
export interface NameConstraints {
  readonly permittedUriHosts: readonly string[];
  readonly excludedUriHosts: readonly string[];
}

const PERMITTED = 0xa0;
const EXCLUDED = 0xa1;
/** Address and mask of 0.0.0.0/0 and ::/0: no IP name at all. */
const EVERY_IPV4 = new Uint8Array(8);
const EVERY_IPV6 = new Uint8Array(32);

function subtree(kind: number, content: Uint8Array): DerNode {
  return sequence(primitive(kind, content));
}

/**
 * What a cluster's CA may vouch for: URIs whose host is exactly `trustDomain` (without a leading dot a constraint means
 * this host and no other). A kind of name without any constraint would be free, hence DNS and IP.
 */
export function trustDomainConstraints(trustDomain: string): Extension {
  const host = new TextEncoder().encode(trustDomain);
  const permitted = constructed(PERMITTED, subtree(GENERAL_NAME.uri, host), subtree(GENERAL_NAME.dns, host));
  const excluded = constructed(EXCLUDED, subtree(GENERAL_NAME.ip, EVERY_IPV4), subtree(GENERAL_NAME.ip, EVERY_IPV6));
  return { oid: OID.nameConstraints, critical: true, value: encodeDer(sequence(permitted, excluded)) };
}

function readUriHosts(subtrees: DerNode | undefined, tag: number): readonly string[] {
  if (subtrees === undefined) return [];
  const hosts: string[] = [];
  for (const entry of childrenOf(subtrees, tag)) {
    const fields = childrenOf(entry, TAG.sequence);
    const base = fields[0];
    // minimum and maximum are not used in this profile (RFC 5280); their presence would change the meaning.
    if (base === undefined || fields.length !== 1) throw new DerError('a name constraint has bounds');
    const kind = tagOf(base);
    if (kind === GENERAL_NAME.uri) hosts.push(Buffer.from(contentOf(base, kind)).toString('latin1'));
    // DNS and IP constraints hold of themselves: a SPIFFE certificate with such a name is refused anyway.
    else if (kind !== GENERAL_NAME.dns && kind !== GENERAL_NAME.ip) {
      throw new DerError('a name constraint is of a kind that cannot be checked');
    }
  }
  return hosts;
}

/** @throws DerError for a constraint that this code could not enforce: a verifier must refuse what it does not know. */
export function readNameConstraints(value: Uint8Array): NameConstraints {
  const fields = [...childrenOf(decodeDer(value), TAG.sequence)];
  const permitted = fields[0] !== undefined && tagOf(fields[0]) === PERMITTED ? fields.shift() : undefined;
  const excluded = fields[0] !== undefined && tagOf(fields[0]) === EXCLUDED ? fields.shift() : undefined;
  if (fields.length > 0) throw new DerError('name constraints have unknown fields');
  return {
    permittedUriHosts: readUriHosts(permitted, PERMITTED),
    excludedUriHosts: readUriHosts(excluded, EXCLUDED),
  };
}

function covers(constraint: string, host: string): boolean {
  const lower = constraint.toLowerCase();
  return lower.startsWith('.') ? host.endsWith(lower) : host === lower;
}

/** Whether a URI with this host may appear below a CA with these constraints. */
export function permitsUriHost(constraints: NameConstraints, host: string): boolean {
  if (constraints.excludedUriHosts.some((constraint) => covers(constraint, host))) return false;
  const { permittedUriHosts } = constraints;
  return permittedUriHosts.length === 0 || permittedUriHosts.some((constraint) => covers(constraint, host));
}
