import { GRANTS_MAX, PRINTABLE } from './record-schemas.ts';
import type { ServiceRecord } from './records.ts';
import { RECORD_SCHEMA } from './records.ts';
import { type Fields, isLabel, isWhole } from './service-fields.ts';

/**
 * The fields of a service that are few and mostly alike from one to the next, in two groups: those that RFC 8785 puts
 * before its labels, and those behind its ready weights. Absent fields stay absent.
 */
export type ServiceAudience = Pick<ServiceRecord, 'kind' | 'grantedTo' | 'internalTrafficPolicy'>;
export type ServiceTraffic = Pick<
  ServiceRecord,
  'type' | 'sessionAffinity' | 'sessionAffinityTimeoutS' | 'trafficDistribution'
>;

const WORD_CHARS_MAX = 64;
const AFFINITY_TIMEOUT_S_MAX = 86_400;

export function audienceOf({ kind, grantedTo, internalTrafficPolicy }: Fields): ServiceAudience | undefined {
  if (kind !== 'service') return undefined;
  if (grantedTo === undefined && internalTrafficPolicy === undefined) return { kind };
  if (internalTrafficPolicy !== undefined && internalTrafficPolicy !== 'Cluster' && internalTrafficPolicy !== 'Local') {
    return undefined;
  }
  if (grantedTo !== undefined && !areClusters(grantedTo)) return undefined;
  return {
    kind,
    ...(internalTrafficPolicy === undefined ? {} : { internalTrafficPolicy }),
    ...(grantedTo === undefined ? {} : { grantedTo }),
  };
}

export function trafficOf(value: Fields): ServiceTraffic | undefined {
  const { schema, type, sessionAffinity, sessionAffinityTimeoutS, trafficDistribution } = value;
  if (!isWhole(schema, 1, RECORD_SCHEMA)) return undefined;
  if (type !== 'ClusterSetIP' && type !== 'Headless') return undefined;
  if (sessionAffinity !== 'None' && sessionAffinity !== 'ClientIP') return undefined;
  if (sessionAffinityTimeoutS === undefined && trafficDistribution === undefined) return { type, sessionAffinity };
  if (sessionAffinityTimeoutS !== undefined && !isWhole(sessionAffinityTimeoutS, 1, AFFINITY_TIMEOUT_S_MAX)) {
    return undefined;
  }
  if (trafficDistribution !== undefined && !isWord(trafficDistribution)) return undefined;
  return {
    type,
    sessionAffinity,
    ...(sessionAffinityTimeoutS === undefined ? {} : { sessionAffinityTimeoutS }),
    ...(trafficDistribution === undefined ? {} : { trafficDistribution }),
  };
}

function isWord(value: unknown): value is string {
  return typeof value === 'string' && value.length <= WORD_CHARS_MAX && PRINTABLE.test(value);
}

/** Checked with the function that makes the names (`isDnsLabel`). */
function areClusters(value: unknown): value is NonNullable<ServiceRecord['grantedTo']> {
  return Array.isArray(value) && value.length <= GRANTS_MAX && value.every(isLabel);
}
