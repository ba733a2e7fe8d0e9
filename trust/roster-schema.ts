import { isIP } from 'node:net';
import { z } from 'zod';
import { CERTIFICATE_BYTES_MAX } from './certificate-reader.ts';
import type { Roster } from './contract.ts';
import { clusterId, dnsLabel, dnsName } from './wire-schema.ts';

/** The form of a roster as JSON. Unknown keys are refused: a newer schema has a newer number. */
export const ROSTER_SCHEMA = 1;

/** Limits on a roster, checked before a signature is even looked at (size) or before certificates are read (counts). */
export const ROSTER_LIMITS = {
  bytesMax: 4 * 1024 * 1024,
  membersMax: 1_000,
  /** A root lives ten years and is replaced once or twice early. */
  rootsMax: 8,
  /** The current CA, the next, and room for an aborted rotation. */
  caCertificatesMax: 4,
  namespacesMax: 1_000,
  gatewayRangesMax: 64,
} as const;

const BASE64_CHARACTERS_MAX = Math.ceil(CERTIFICATE_BYTES_MAX / 3) * 4;
const certificate = z.base64().max(BASE64_CHARACTERS_MAX);
const count = z.int().min(0);
const cidr = z.string().max(64).refine(isCidr, 'not a CIDR');

const member = z.strictObject({
  cluster: clusterId,
  incarnation: count.min(1),
  trustDomain: dnsName,
  caCertificates: z.array(certificate).min(1).max(ROSTER_LIMITS.caCertificatesMax).readonly(),
  status: z.enum(['active', 'quarantined', 'removed']),
  joinedAtMs: count,
  exportableNamespaces: z.array(dnsLabel).max(ROSTER_LIMITS.namespacesMax).readonly().optional(),
  servicesMax: count.optional(),
  gatewayRanges: z.array(cidr).max(ROSTER_LIMITS.gatewayRangesMax).readonly().optional(),
});

export const rosterSchema: z.ZodType<Roster> = z.strictObject({
  schema: z.literal(ROSTER_SCHEMA),
  clustersetDomain: dnsName,
  version: count.min(1),
  dev: z.boolean(),
  issuedAtMs: count,
  roots: z.array(certificate).min(1).max(ROSTER_LIMITS.rootsMax).readonly(),
  members: z.array(member).max(ROSTER_LIMITS.membersMax).readonly(),
});

function isCidr(text: string): boolean {
  const [address = '', prefix = '', ...rest] = text.split('/');
  const family = isIP(address);
  return family !== 0 && rest.length === 0 && /^\d{1,3}$/.test(prefix) && Number(prefix) <= (family === 4 ? 32 : 128);
}
