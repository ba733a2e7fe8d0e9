import type { RecordKey } from './records.ts';

/**
 * Keys of records: `cluster`, `gateway/NAME`, `service/NS/NAME`, `chain/SHA256`, `facts/NAME`. The kind is told from the
 * key alone, so that counting and quotas need no decoding.
 */
export type RecordKind = 'cluster' | 'gateway' | 'service' | 'chain';

export const CLUSTER_KEY = 'cluster';
export const RECORD_KEY_CHARS_MAX = 200;
const KEY = /^[a-z]{1,32}(\/[a-z0-9]([-a-z0-9.]{0,126}[a-z0-9])?){0,2}$/;

/** Lower-case ASCII only: text order is then byte order everywhere. */
export function isRecordKey(text: string): boolean {
  return text.length <= RECORD_KEY_CHARS_MAX && KEY.test(text);
}

export function gatewayKey(name: string): RecordKey {
  return `gateway/${name}`;
}

/** `service` is `NAMESPACE/NAME`. */
export function serviceRecordKey(service: string): RecordKey {
  return `service/${service}`;
}

export function chainKey(hash: string): RecordKey {
  return `chain/${hash}`;
}

/** `undefined`: a kind this version does not know (or diagnostic facts): hashed, counted and otherwise left alone. */
export function kindOfKey(key: RecordKey): RecordKind | undefined {
  if (key === CLUSTER_KEY) return 'cluster';
  if (key.startsWith('service/')) return 'service';
  if (key.startsWith('gateway/')) return 'gateway';
  if (key.startsWith('chain/')) return 'chain';
  return undefined;
}
