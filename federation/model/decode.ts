import type { z } from 'zod';
import type { Checked } from '../../trust/contract.ts';
import { parseAsWritten, parseCanonical, textOf } from './canonical-json.ts';
import { recordKeyOf } from './encode.ts';
import { readService } from './read-service.ts';
import { chainKey, isRecordKey, kindOfKey } from './record-keys.ts';
import { envelopeSchema, recordSchema } from './record-schemas.ts';
import type { FederationRecord, RecordKey, RecordLimits, ServiceRecord } from './records.ts';
import { RECORD_SCHEMA } from './records.ts';
import { readServiceText, SERVICE_TEXT_CHARS_MAX } from './service-text.ts';
import { sha256Hex } from './sha256.ts';

/**
 * Bytes from elsewhere to records. Total: any bytes give a record or a reason, never an exception. Reasons:
 * `UnknownKind`, `RecordTooLarge`, those of `parseCanonical`, `SchemaTooNew`, `InvalidRecord`, `KeyMismatch`.
 */
export function decodeRecord(key: RecordKey, bytes: Uint8Array, limits: RecordLimits): Checked<FederationRecord> {
  const atSight = serviceAtSight(key, bytes, limits);
  if (atSight !== undefined) return { ok: true, value: atSight };
  if (!isRecordKey(key) || kindOfKey(key) === undefined) {
    return refuse(key, 'UnknownKind', 'not the key of a known kind of record');
  }
  if (bytes.length > limits.recordBytesMax) {
    return refuse(key, 'RecordTooLarge', `${bytes.length} octets, more than ${limits.recordBytesMax}`);
  }
  const service = kindOfKey(key) === 'service' ? readService(parseAsWritten(bytes)) : undefined;
  if (service !== undefined) return checkedRecord(key, service, bytes, limits);
  const json = parseCanonical(bytes);
  if (!json.ok) return refuse(key, json.reason, json.message);
  const envelope = envelopeSchema.safeParse(json.value);
  if (!envelope.success) return refuse(key, 'InvalidRecord', issueText(envelope.error));
  if (envelope.data.schema > RECORD_SCHEMA) {
    return refuse(key, 'SchemaTooNew', `schema ${envelope.data.schema}, this version reads up to ${RECORD_SCHEMA}`);
  }
  const parsed = recordSchema.safeParse(json.value);
  if (!parsed.success) return refuse(key, 'InvalidRecord', issueText(parsed.error));
  // The schema has checked every branded name with the same function that makes them (`isDnsLabel`).
  return checkedRecord(key, parsed.data as FederationRecord, bytes, limits);
}

function serviceAtSight(key: RecordKey, bytes: Uint8Array, limits: RecordLimits): ServiceRecord | undefined {
  if (bytes.length > limits.recordBytesMax || bytes.length > SERVICE_TEXT_CHARS_MAX) return undefined;
  const text = kindOfKey(key) === 'service' ? textOf(bytes) : undefined;
  const service = text && readServiceText(key, text);
  return service && service.ports.length <= limits.portsPerServiceMax ? service : undefined;
}

function checkedRecord(
  key: RecordKey,
  record: FederationRecord,
  bytes: Uint8Array,
  limits: RecordLimits,
): Checked<FederationRecord> {
  if (record.kind === 'service' && record.ports.length > limits.portsPerServiceMax) {
    return refuse(key, 'InvalidRecord', `${record.ports.length} ports, more than ${limits.portsPerServiceMax}`);
  }
  // A chain's key is the hash of the stored bytes: re-encoding what was decoded would lose fields that a newer writer added.
  const expected = record.kind === 'chain' ? chainKey(sha256Hex(bytes)) : recordKeyOf(record);
  if (expected !== key) return refuse(key, 'KeyMismatch', `its content belongs under ${expected}`);
  return { ok: true, value: record };
}

function refuse(key: RecordKey, reason: string, message: string): Checked<never> {
  return { ok: false, reason, message: `record ${JSON.stringify(key.slice(0, 200))}: ${message}` };
}

/** The first problem, with its path: `ports[0].port: expected number`. */
export function issueText(error: z.core.$ZodError): string {
  const [issue] = error.issues;
  if (issue === undefined) return 'invalid';
  const path = issue.path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`)).join('');
  return `${path === '' ? 'record' : path.replace(/^\./, '').slice(0, 200)}: ${issue.message.slice(0, 200)}`;
}
