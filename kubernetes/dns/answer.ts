/** The answer to one question, as a pure function of the zone. */
import { assertNever } from '../../runtime/errors.ts';
import {
  type Answer,
  CLASS_IN,
  type Question,
  type Rcode,
  type RecordContent,
  RECORD_TYPES,
  type ResourceRecord,
  typeName,
} from './message.ts';
import { ZONE_NAME } from './service-names.ts';
import { type Found, labelsInZone, lookUp, lookUpName, NEGATIVE_TTL_S, soaOf, type Zone } from './zone.ts';

/** How long a resolver keeps an address: long enough to spare questions, short beside the time failover takes. */
export const RECORD_TTL_S = 5;
/** Of the schema version; the example of section 2.2. */
const VERSION_TTL_S = 28_800;
/** Addresses behind SRV records, more than fit into any datagram. */
const ADDITIONAL_MAX = 64;

/**
 * `zone` undefined: not known yet. Then nothing is said about names in it (SERVFAIL), because "does not exist" would be
 * believed and kept.
 * @param init.turn any number; another one lists records from another on, so that clients of a truncated or ordered answer
 *   do not all take the same
 */
export function answer(zone: Zone | undefined, question: Question, init: { readonly turn: number }): Answer {
  const labels = labelsInZone(question.labels);
  if (labels === undefined || question.class !== CLASS_IN) return refusal('REFUSED');
  const refused = REFUSED_TYPES.get(question.type);
  if (refused !== undefined) return refusal(refused);
  if (zone === undefined) return refusal('SERVFAIL');
  const found = lookUp(zone, labels);
  if (found === undefined) return negative(zone, 'NXDOMAIN');
  // RFC 8482 section 4.2: one record that says that there is no answer to ANY.
  if (question.type === RECORD_TYPES.ANY) {
    return positive([{ type: 'HINFO', data: { cpu: 'RFC8482', os: '' }, ttlS: RECORD_TTL_S }], []);
  }
  const contents = rotated(contentsOf(found, question.type), init.turn);
  if (contents.length === 0) return negative(zone, 'NOERROR');
  return positive(
    contents.map((content) => ({ ...content, ttlS: content.type === 'TXT' ? VERSION_TTL_S : RECORD_TTL_S })),
    additionalOf(zone, contents),
  );
}

/** Types that are no data: transfers are nobody's business, the rest is not implemented. */
const REFUSED_TYPES: ReadonlyMap<number, Rcode> = new Map<number, Rcode>([
  [RECORD_TYPES.AXFR, 'REFUSED'],
  [RECORD_TYPES.IXFR, 'REFUSED'],
  [RECORD_TYPES.OPT, 'NOTIMP'],
  [RECORD_TYPES.TKEY, 'NOTIMP'],
  [RECORD_TYPES.TSIG, 'NOTIMP'],
  [RECORD_TYPES.MAILA, 'NOTIMP'],
  [RECORD_TYPES.MAILB, 'NOTIMP'],
]);

function contentsOf(found: Found, type: number): readonly RecordContent[] {
  const name = typeName(type);
  if (name === 'A' || name === 'AAAA' || name === 'NS' || name === 'TXT') {
    return (found[name] ?? []).map((data) => ({ type: name, data }));
  }
  if (name === 'SRV') return (found.SRV ?? []).map((data) => ({ type: name, data }));
  if (name === 'SOA') return (found.SOA ?? []).map((data) => ({ type: name, data }));
  return [];
}

function additionalOf(zone: Zone, contents: readonly RecordContent[]): readonly ResourceRecord[] {
  const records: ResourceRecord[] = [];
  for (const name of new Set(contents.map(targetOf))) {
    if (records.length >= ADDITIONAL_MAX) break;
    const found = name === undefined ? undefined : lookUpName(zone, name);
    for (const data of found?.A ?? []) records.push({ name, type: 'A', data, ttlS: RECORD_TTL_S });
    for (const data of found?.AAAA ?? []) records.push({ name, type: 'AAAA', data, ttlS: RECORD_TTL_S });
  }
  return records;
}

function targetOf(content: RecordContent): string | undefined {
  switch (content.type) {
    case 'SRV':
      return content.data.target;
    case 'NS':
      return content.data;
    case 'A':
    case 'AAAA':
    case 'TXT':
    case 'SOA':
    case 'HINFO':
      return undefined;
    default:
      return assertNever(content);
  }
}

function rotated<T>(list: readonly T[], turn: number): readonly T[] {
  const start = list.length === 0 ? 0 : turn % list.length;
  return start === 0 ? list : [...list.slice(start), ...list.slice(0, start)];
}

function positive(answers: readonly ResourceRecord[], additional: readonly ResourceRecord[]): Answer {
  return { rcode: 'NOERROR', authoritative: true, answers, authority: [], additional };
}

/** RFC 2308: with the SOA, whose minimum says how long it may be kept. */
function negative(zone: Zone, rcode: 'NXDOMAIN' | 'NOERROR'): Answer {
  const soa: ResourceRecord = { name: ZONE_NAME, type: 'SOA', data: soaOf(zone), ttlS: NEGATIVE_TTL_S };
  return { rcode, authoritative: true, answers: [], authority: [soa], additional: [] };
}

export function refusal(rcode: Rcode): Answer {
  return { rcode, authoritative: false, answers: [], authority: [], additional: [] };
}
