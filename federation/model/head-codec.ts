import { z } from 'zod';
import type { Checked } from '../../trust/contract.ts';
import { canonicalBytes, parseAsWritten, parseCanonical } from './canonical-json.ts';
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

const DIGEST = /^[0-9a-f]{64}$/;
const WRITER_ID = /^[A-Za-z0-9._-]+$/;

const counter = z.int().min(0);
const ack = z.string().min(1).max(ACK_CHARS_MAX);

const headSchema = z.object({
  schema: z.int().min(1).max(1_000_000),
  cluster: z.string().refine(isDnsLabel, 'not a DNS label'),
  incarnation: counter,
  epoch: counter,
  writerId: z.string().max(WRITER_ID_CHARS_MAX).regex(WRITER_ID),
  version: counter,
  beat: counter,
  digest: z.string().regex(DIGEST),
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
  const plain = readPlainHead(parseAsWritten(bytes));
  if (plain !== undefined) return { ok: true, value: plain };
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

const FIELDS_IN_ORDER = [
  'acks',
  'beat',
  'cluster',
  'digest',
  'epoch',
  'incarnation',
  'issuedAtMs',
  'rosterSeen',
  'schema',
  'version',
  'writerId',
] as const;

/**
 * The quick way to read what nearly every beat of every peer is: a head of this schema without acknowledgements, its
 * fields in order. Says nothing to anything else, and the schema decides; a test compares the two.
 */
function readPlainHead(value: unknown): Head | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const names = Object.keys(value);
  const known =
    names.length === FIELDS_IN_ORDER.length && names.every((name, index) => name === FIELDS_IN_ORDER[index]);
  if (!known) return undefined;
  // Each field is checked before it is used as what it is called.
  const head = value as Head;
  const { acks, beat, cluster, digest, epoch, incarnation, issuedAtMs, rosterSeen, schema, version, writerId } = head;
  const sound =
    [beat, epoch, incarnation, issuedAtMs, rosterSeen, version].every(isCounter) &&
    schema === HEAD_SCHEMA &&
    [cluster, digest, writerId].every((text) => typeof text === 'string') &&
    isDnsLabel(cluster) &&
    DIGEST.test(digest) &&
    writerId.length <= WRITER_ID_CHARS_MAX &&
    WRITER_ID.test(writerId) &&
    isEmptyObject(acks);
  return sound ? head : undefined;
}

function isCounter(value: unknown): boolean {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function isEmptyObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length === 0;
}
