import type { Head } from '../../federation/model/head.ts';
import { encodeRecord, recordKeyOf } from '../../federation/model/encode.ts';
import { parseClusterId } from '../../federation/model/ids.ts';
import type { RecordSet } from '../../federation/model/records.ts';
import { exampleGateway, exampleService } from '../../federation/model/testing/records.fixture.ts';
import { recordsOf } from '../../federation/sync/clusterset.fixture.ts';
import { HONEST, HOSTILE_QUOTA, LIMITS } from './cast.ts';
import type { Dice } from './dice.ts';

/**
 * What a hostile member may sign with its good key. `forbidden` is the one clause of the accept rule that its readers have
 * against it; a state without one is unkind, but its readers must put up with it.
 */
export interface HostileState {
  readonly name: string;
  readonly forbidden?: string;
  readonly records: (dice: Dice) => RecordSet;
  /** Fields of the head that are not as they should be. */
  readonly head?: (dice: Dice) => Partial<Head>;
  /** Whose key signs. Default: its own, which is valid. */
  readonly signer?: 'expired' | 'impostor';
}

const good = (dice: Dice): RecordSet => recordsOf({ a: dice.below(4), m: 1 + dice.below(3) });
const text = (value: string): Uint8Array => new TextEncoder().encode(value);

function withRecord(key: string, bytes: Uint8Array): (dice: Dice) => RecordSet {
  return (dice) => new Map([...good(dice), [key, bytes]]);
}

function services(count: number): RecordSet {
  return recordsOf(Object.fromEntries(Array.from({ length: count }, (_, index) => [`s${index}`, 1])));
}

function atAddress(host: string): (dice: Dice) => RecordSet {
  const record = exampleGateway({ name: 'gw', addresses: [{ host, port: 15_443 }] });
  return withRecord(recordKeyOf(record), encodeRecord(record));
}

function malformed(name: string, bytes: string): HostileState {
  return { name, forbidden: 'records', records: withRecord('service/default/x', text(bytes)) };
}

const manyGateways = (dice: Dice): RecordSet => {
  const gateways = Array.from({ length: LIMITS.gatewaysMax + 1 }, (_, index) =>
    exampleGateway({ name: `gw-${index}`, addresses: [{ host: '192.0.2.20', port: 15_443 }] }),
  );
  return new Map([...good(dice), ...gateways.map((record) => [recordKeyOf(record), encodeRecord(record)] as const)]);
};

const manyFacts = (count: number, bytes: number) => (dice: Dice) =>
  new Map([
    ...good(dice),
    ...Array.from({ length: count }, (_, index) => [`facts/f${index}`, new Uint8Array(bytes)] as const),
  ]);

const foreignService = exampleService({ namespace: 'payments', name: 'ledger' });
const manyPorts = exampleService({
  name: 'x',
  ports: Array.from({ length: LIMITS.portsPerServiceMax + 1 }, (_, index) => ({
    name: `p${index}`,
    protocol: 'TCP',
    port: 1 + index,
    appProtocol: 'tcp',
  })),
  ready: [],
});
const [victim = parseClusterId('east')] = HONEST;

export const ALLOWED_STATES: readonly HostileState[] = [
  { name: 'ordinary', records: good },
  { name: 'nothing-exported', records: () => recordsOf({}) },
  { name: 'roster-never-seen', records: good, head: () => ({ rosterSeen: Number.MAX_SAFE_INTEGER }) },
  { name: 'version-jump', records: good, head: () => ({ version: Number.MAX_SAFE_INTEGER }) },
  { name: 'beat-jump', records: good, head: () => ({ beat: Number.MAX_SAFE_INTEGER }) },
  { name: 'unknown-kinds', records: manyFacts(2, 16) },
  { name: 'same-names-as-the-victim', records: () => recordsOf({ a: 100_000, b: 100_000 }) },
];

export const FORBIDDEN_STATES: readonly HostileState[] = [
  { name: 'names-the-victim', forbidden: 'cluster', records: good, head: () => ({ cluster: victim }) },
  { name: 'next-life', forbidden: 'incarnation', records: good, head: () => ({ incarnation: 2 }) },
  { name: 'life-zero', forbidden: 'incarnation', records: good, head: () => ({ incarnation: 0, epoch: 9 }) },
  { name: 'signer-expired', forbidden: 'signature', records: good, signer: 'expired' },
  { name: 'signer-of-another-root', forbidden: 'signature', records: good, signer: 'impostor' },
  { name: 'too-many-gateways', forbidden: 'limits', records: manyGateways },
  { name: 'too-many-records', forbidden: 'limits', records: manyFacts(LIMITS.recordsMax, 1) },
  { name: 'too-many-octets', forbidden: 'limits', records: manyFacts(4, LIMITS.recordBytesMax) },
  { name: 'record-too-large', forbidden: 'limits', records: manyFacts(1, LIMITS.recordBytesMax + 1) },
  { name: 'key-is-no-key', forbidden: 'limits', records: withRecord('../roster', text('x')) },
  { name: 'key-is-proto', forbidden: 'limits', records: withRecord('__proto__', text('{}')) },
  { name: 'over-quota', forbidden: 'quota', records: () => services(HOSTILE_QUOTA + 1) },
  { name: 'digest-of-something-else', forbidden: 'digest', records: good, head: () => ({ digest: 'ab'.repeat(32) }) },
  malformed('no-json', '{'),
  malformed('proto-field', '{"__proto__":{"kind":"service"},"kind":"service","schema":1}'),
  malformed('double-key', '{"kind":"service","kind":"service","schema":1}'),
  malformed('not-a-number', '{"kind":"service","ready":[{"port":80,"ready":NaN}],"schema":1}'),
  malformed('deep-nesting', `{"kind":"service","labels":${'['.repeat(500)}${']'.repeat(500)},"schema":1}`),
  malformed('schema-too-new', '{"kind":"service","schema":2}'),
  malformed('bad-utf8', '{"kind":"\ud800"}'),
  { name: 'too-many-ports', forbidden: 'records', records: withRecord('service/default/x', encodeRecord(manyPorts)) },
  {
    name: 'record-under-a-foreign-key',
    forbidden: 'records',
    records: withRecord('service/default/other', encodeRecord(exampleService({ name: 'x' }))),
  },
  {
    name: 'foreign-namespace',
    forbidden: 'namespaces',
    records: withRecord(recordKeyOf(foreignService), encodeRecord(foreignService)),
  },
  ...[
    '169.254.169.254',
    '127.0.0.1',
    '0.0.0.0',
    '::ffff:192.0.2.9',
    '10.1.2.3',
    '224.0.0.1',
    '198.51.100.1',
    'fe80::1',
    'localhost',
    '0x7f000001',
  ].map((host) => ({ name: `gateway-at-${host}`, forbidden: 'addresses', records: atAddress(host) })),
];
