import { assertNever } from '../../runtime/errors.ts';
import { canonicalBytes } from './canonical-json.ts';
import { CLUSTER_KEY, chainKey, gatewayKey, serviceRecordKey } from './record-keys.ts';
import type { FederationRecord, RecordKey } from './records.ts';
import { RECORD_SCHEMA } from './records.ts';
import { sha256Hex } from './sha256.ts';

/**
 * Records to bytes: canonical JSON (RFC 8785) with the schema in every record, so that a reader can judge each by
 * itself. Equal records give equal bytes; equal bytes are never published twice.
 */
export function encodeRecord(record: FederationRecord): Uint8Array {
  return canonicalBytes({ schema: RECORD_SCHEMA, ...record });
}

/** The one key under which readers accept this record. A chain is named by its content: heads refer to it by hash. */
export function recordKeyOf(record: FederationRecord): RecordKey {
  switch (record.kind) {
    case 'cluster':
      return CLUSTER_KEY;
    case 'gateway':
      return gatewayKey(record.name);
    case 'service':
      return serviceRecordKey(`${record.namespace}/${record.name}`);
    case 'chain':
      return chainKey(sha256Hex(encodeRecord(record)));
    default:
      return assertNever(record);
  }
}
