import type { RecordChange } from './diff.ts';
import { kindOfKey } from './record-keys.ts';
import type { RecordSet } from './records.ts';

/** What limits and quotas count, carried on from version to version, so that counting follows the change. */
export interface RecordTotals {
  readonly bytes: number;
  readonly services: number;
  readonly gateways: number;
}

export const NO_RECORD_TOTALS: RecordTotals = { bytes: 0, services: 0, gateways: 0 };

/** `change` applied to `before`, whose totals are `totals`. */
export function totalsAfter(totals: RecordTotals, before: RecordSet, change: RecordChange): RecordTotals {
  let { bytes, services, gateways } = totals;
  const count = (key: string, by: 1 | -1): void => {
    const kind = kindOfKey(key);
    if (kind === 'service') services += by;
    else if (kind === 'gateway') gateways += by;
  };
  for (const key of change.deletes) {
    bytes -= before.get(key)?.length ?? 0;
    if (before.has(key)) count(key, -1);
  }
  for (const [key, content] of change.puts) {
    const old = before.get(key);
    bytes += content.length - (old?.length ?? 0);
    if (old === undefined) count(key, 1);
  }
  return { bytes, services, gateways };
}
