/**
 * The part of a DNS message that answers are made of. Names are labels in lower case; a dot or backslash inside of a label is
 * escaped, so that joining labels with dots never makes one name look like another.
 */
export type Labels = readonly string[];

/** Numbers of RFC 1035 and its registry; BADVERS (RFC 6891) does not fit into a header and goes into the OPT record. */
export const RCODES = {
  NOERROR: 0,
  FORMERR: 1,
  SERVFAIL: 2,
  NXDOMAIN: 3,
  NOTIMP: 4,
  REFUSED: 5,
  BADVERS: 16,
} as const;
export type Rcode = keyof typeof RCODES;

/** The types that are told apart. All others are answered alike: there is nothing of them. */
export const RECORD_TYPES = {
  A: 1,
  NS: 2,
  SOA: 6,
  HINFO: 13,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  OPT: 41,
  TKEY: 249,
  TSIG: 250,
  IXFR: 251,
  AXFR: 252,
  MAILB: 253,
  MAILA: 254,
  ANY: 255,
} as const;
export type RecordType = keyof typeof RECORD_TYPES;

const TYPE_NAMES = new Map<number, RecordType>(
  // Keys of the table above.
  Object.entries(RECORD_TYPES).map(([name, number]) => [number, name as RecordType]),
);

/** `other` for a type that is not told apart: a bounded set, fit for a label of a metric. */
export function typeName(type: number): RecordType | 'other' {
  return TYPE_NAMES.get(type) ?? 'other';
}

export const CLASS_IN = 1;

export interface Question {
  /** From the left; none is the root. */
  readonly labels: Labels;
  readonly type: number;
  readonly class: number;
}

export interface SrvData {
  readonly priority: number;
  readonly weight: number;
  readonly port: number;
  readonly target: string;
}

export interface SoaData {
  readonly mname: string;
  readonly rname: string;
  readonly serial: number;
  /** Seconds. */
  readonly refresh: number;
  readonly retry: number;
  readonly expire: number;
  /** Of a negative answer, RFC 2308. */
  readonly minimum: number;
}

export type RecordContent =
  | { readonly type: 'A' | 'AAAA' | 'NS' | 'TXT'; readonly data: string }
  | { readonly type: 'SRV'; readonly data: SrvData }
  | { readonly type: 'SOA'; readonly data: SoaData }
  | { readonly type: 'HINFO'; readonly data: { readonly cpu: string; readonly os: string } };

export type ResourceRecord = RecordContent & {
  /** Without trailing dot. Absent: the name that was asked for, in the letters in which it was. */
  readonly name?: string | undefined;
  readonly ttlS: number;
};

export interface Answer {
  readonly rcode: Rcode;
  /** Whether this server speaks for the name. */
  readonly authoritative: boolean;
  readonly answers: readonly ResourceRecord[];
  readonly authority: readonly ResourceRecord[];
  /** Left out first when there is no room. */
  readonly additional: readonly ResourceRecord[];
}
