import { z } from 'zod';
import type { Checked } from '../../trust/contract.ts';
import { canonicalBytes, parseCanonical } from './canonical-json.ts';
import { issueText } from './decode.ts';
import type { Head } from './head.ts';
import { HEAD_SCHEMA } from './head.ts';
import { isDnsLabel } from './ids.ts';

/**
 * Heads to bytes and back. The bytes are what is signed and stored; a reader verifies those bytes and only then
 * believes what they say.
 */
export const HEAD_BYTES_MAX = 64 * 1024;
/** Acknowledgements of open barriers: a rotation phase or a drain, one each per peer. */
const ACKS_MAX = 256;
const ACK_CHARS_MAX = 128;
const WRITER_ID_CHARS_MAX = 63;

const counter = z.int().min(0);
const ack = z.string().min(1).max(ACK_CHARS_MAX);

const headSchema = z.object({
  schema: z.int().min(1).max(1_000_000),
  cluster: z.string().refine(isDnsLabel, 'not a DNS label'),
  incarnation: counter,
  epoch: counter,
  writerId: z
    .string()
    .max(WRITER_ID_CHARS_MAX)
    .regex(/^[A-Za-z0-9._-]+$/),
  version: counter,
  beat: counter,
  digest: z.string().regex(/^[0-9a-f]{64}$/),
  rosterSeen: counter,
  acks: z.record(ack, ack).refine((acks) => Object.keys(acks).length <= ACKS_MAX, `more than ${ACKS_MAX} acks`),
  issuedAtMs: counter,
});

const schemaOnly = z.object({ schema: headSchema.shape.schema });

/** Canonical JSON (RFC 8785). */
export function encodeHead(head: Head): Uint8Array {
  return canonicalBytes(head);
}

/** Never throws. Reasons: `HeadTooLarge`, those of `parseCanonical`, `SchemaTooNew`, `InvalidHead`. */
export function decodeHead(bytes: Uint8Array): Checked<Head> {
  if (bytes.length > HEAD_BYTES_MAX) {
    return {
      ok: false,
      reason: 'HeadTooLarge',
      message: `head of ${bytes.length} octets, more than ${HEAD_BYTES_MAX}`,
    };
  }
  const json = parseCanonical(bytes);
  if (!json.ok) return { ok: false, reason: json.reason, message: `head: ${json.message}` };
  const schema = schemaOnly.safeParse(json.value);
  if (schema.success && schema.data.schema > HEAD_SCHEMA) {
    const message = `head of schema ${schema.data.schema}, this version reads up to ${HEAD_SCHEMA}`;
    return { ok: false, reason: 'SchemaTooNew', message };
  }
  const parsed = headSchema.safeParse(json.value);
  if (!parsed.success) return { ok: false, reason: 'InvalidHead', message: `head: ${issueText(parsed.error)}` };
  // The schema has checked the branded cluster name with the function that makes them (`isDnsLabel`).
  return { ok: true, value: parsed.data as Head };
}
