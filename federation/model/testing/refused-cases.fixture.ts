import type { AcceptInput } from '../accept.ts';
import { RecordDigest } from '../digest.ts';
import type { Head } from '../head.ts';
import { parseClusterId } from '../ids.ts';
import type { RecordSet } from '../records.ts';
import { DEFAULT_RECORD_LIMITS } from '../records.ts';
import { exampleCluster, exampleGateway, exampleHead, exampleService, recordSet } from './records.fixture.ts';
import { SignedCluster } from './signed-cluster.fixture.ts';

/**
 * For every clause of the accept rule, inputs that this clause alone refuses: everything else about them is in order, so
 * that a rule without the clause would accept them.
 */
export const west = new SignedCluster();
const impostor = new SignedCluster(2);
const text = (value: string): Uint8Array => new TextEncoder().encode(value);

export function mark(fields: Partial<Head>, digest: string): NonNullable<AcceptInput['mark']> {
  return { order: exampleHead(fields), digest };
}

export interface RefusedCase {
  readonly name: string;
  readonly clause: string;
  readonly reason: string;
  readonly input: () => AcceptInput;
}

export const good = west.records();
export const goodDigest = RecordDigest.of(good).hex;
export const withRecord = (key: string, bytes: Uint8Array): RecordSet => new Map([...good, [key, bytes]]);
export const atAddress = (host: string): RecordSet =>
  west.records([exampleGateway({ name: 'gw-2', addresses: [{ host, port: 15_443 }] })]);

export const REFUSED_CASES: readonly RefusedCase[] = [
  {
    name: 'a quarantined member that goes on publishing',
    clause: 'member',
    reason: 'MemberNotActive',
    input: () => west.input(good, {}, { roster: west.roster({ status: 'quarantined' }) }),
  },
  {
    name: 'a removed member that goes on publishing',
    clause: 'member',
    reason: 'MemberNotActive',
    input: () => west.input(good, {}, { roster: west.roster({ status: 'removed' }) }),
  },
  {
    name: 'a head that names another cluster',
    clause: 'cluster',
    reason: 'WrongCluster',
    input: () => west.input(good, { cluster: parseClusterId('east') }),
  },
  {
    name: 'a replayed head of an earlier life',
    clause: 'incarnation',
    reason: 'WrongIncarnation',
    input: () => west.input(good, {}, { roster: west.roster({ incarnation: 2 }) }),
  },
  {
    name: 'a head signed by the key of another root',
    clause: 'signature',
    reason: 'HeadSignature',
    input: () => {
      const input = west.input();
      return { ...input, signed: { ...input.signed, signature: impostor.input(good).signed.signature } };
    },
  },
  {
    name: 'a head whose chain is not among the records',
    clause: 'signature',
    reason: 'ChainMissing',
    input: () => west.input(recordSet([exampleCluster(), exampleService()])),
  },
  {
    name: 'an older version than accepted before',
    clause: 'order',
    reason: 'Rollback',
    input: () => west.input(good, { version: 4 }, { mark: mark({ version: 5 }, 'f'.repeat(64)) }),
  },
  {
    name: 'an older beat of the version accepted before',
    clause: 'order',
    reason: 'Rollback',
    input: () => west.input(good, { version: 5, beat: 1 }, { mark: mark({ version: 5, beat: 2 }, goodDigest) }),
  },
  {
    name: 'a writer of an earlier epoch, whatever its version',
    clause: 'order',
    reason: 'Rollback',
    input: () => west.input(good, { epoch: 1, version: 9 }, { mark: mark({ epoch: 2, version: 3 }, goodDigest) }),
  },
  {
    name: 'the same version with another digest',
    clause: 'order',
    reason: 'Equivocation',
    input: () => west.input(good, { version: 5 }, { mark: mark({ version: 5 }, 'f'.repeat(64)) }),
  },
  {
    name: 'a newer beat of the same version with another digest',
    clause: 'order',
    reason: 'Equivocation',
    input: () => west.input(good, { version: 5, beat: 9 }, { mark: mark({ version: 5 }, 'f'.repeat(64)) }),
  },
  {
    name: 'more records than allowed',
    clause: 'limits',
    reason: 'TooManyRecords',
    input: () => west.input(good, {}, { limits: { ...DEFAULT_RECORD_LIMITS, recordsMax: 3 } }),
  },
  {
    name: 'more octets in all than allowed',
    clause: 'limits',
    reason: 'TooManyBytes',
    input: () => west.input(good, {}, { limits: { ...DEFAULT_RECORD_LIMITS, totalBytesMax: 500 } }),
  },
  {
    name: 'more gateways than allowed',
    clause: 'limits',
    reason: 'TooManyGateways',
    input: () => west.input(good, {}, { limits: { ...DEFAULT_RECORD_LIMITS, gatewaysMax: 0 } }),
  },
  {
    name: 'a key that is no record key',
    clause: 'limits',
    reason: 'InvalidKey',
    input: () => west.input(withRecord('../roster', text('x'))),
  },
  {
    name: 'a record of an unknown kind that is too large',
    clause: 'limits',
    reason: 'RecordTooLarge',
    input: () => west.input(withRecord('facts/dump', new Uint8Array(DEFAULT_RECORD_LIMITS.recordBytesMax + 1))),
  },
  {
    name: 'more services than its quota in the roster',
    clause: 'quota',
    reason: 'QuotaExceeded',
    input: () => west.input(good, {}, { roster: west.roster({ servicesMax: 0 }) }),
  },
  {
    name: 'a record that the head does not sign',
    clause: 'digest',
    reason: 'DigestMismatch',
    input: () =>
      west.input(west.records([exampleService(), exampleService({ name: 'extra' })]), { digest: goodDigest }),
  },
  {
    name: 'a record left out by the store',
    clause: 'digest',
    reason: 'DigestMismatch',
    input: () => west.input(west.records([]), { digest: goodDigest }),
  },
  {
    name: 'a signed record that is not JSON',
    clause: 'records',
    reason: 'NotJson',
    input: () => west.input(withRecord('service/default/broken', text('{'))),
  },
  {
    name: 'a signed record of a newer schema',
    clause: 'records',
    reason: 'SchemaTooNew',
    input: () => west.input(withRecord('service/default/new', text('{"kind":"service","schema":2}'))),
  },
  {
    name: 'a namespace that the roster does not let it export',
    clause: 'namespaces',
    reason: 'NamespaceNotAllowed',
    input: () => west.input(good, {}, { roster: west.roster({ exportableNamespaces: ['payments'] }) }),
  },
  {
    name: 'a gateway at the metadata address',
    clause: 'addresses',
    reason: 'AddressForbidden',
    input: () => west.input(atAddress('169.254.169.254')),
  },
  {
    name: "a gateway inside the reader's own pod range",
    clause: 'addresses',
    reason: 'AddressForbidden',
    input: () => west.input(atAddress('10.1.2.3')),
  },
  {
    name: 'a gateway outside its ranges in the roster',
    clause: 'addresses',
    reason: 'AddressOutsideRoster',
    input: () => west.input(good, {}, { roster: west.roster({ gatewayRanges: ['198.51.100.0/24'] }) }),
  },
];
