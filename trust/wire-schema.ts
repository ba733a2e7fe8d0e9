import { z } from 'zod';
import type { ClusterId } from '../federation/model/ids.ts';
import { isDnsLabel, isDnsName } from '../federation/model/ids.ts';
import { decodeBase64, decodeBase64Url } from './base64.ts';
import { SECRET_BYTES, Secret } from './secret.ts';

/** The fields that several of our documents (roster, token, join messages, journal) have in common. */
export const dnsLabel = z.string().refine(isDnsLabel, 'not a DNS label');
export const dnsName = z.string().refine(isDnsName, 'not a DNS name');
export const clusterId = z.custom<ClusterId>(
  (value) => typeof value === 'string' && isDnsLabel(value),
  'not a cluster name',
);
/** SHA-256 in hex. */
export const sha256Hex = z.string().regex(/^[0-9a-f]{64}$/);
export const tokenIdHex = z.string().regex(/^[0-9a-f]{32}$/);

/** Octets in canonical base64. */
export const base64Octets = z.string().transform((text, context) => {
  const octets = decodeBase64(text);
  if (octets !== undefined) return octets;
  context.addIssue({ code: 'custom', message: 'not base64' });
  return z.NEVER;
});

/** 32 octets in base64url. A message about a wrong one never quotes it. */
export const secretText = z.string().transform((text, context) => {
  const octets = decodeBase64Url(text);
  if (octets?.length === SECRET_BYTES) return new Secret(octets);
  context.addIssue({ code: 'custom', message: `not ${SECRET_BYTES} octets` });
  return z.NEVER;
});

/** The first thing that is wrong, with its path: enough for a message, and bounded whatever the input was. */
export function firstIssue(error: z.ZodError): string {
  const issue = error.issues[0];
  const path = issue?.path.map(String).join('.') ?? '';
  return `${path === '' ? 'the document' : path}: ${issue?.message ?? 'invalid'}`.slice(0, 200);
}
