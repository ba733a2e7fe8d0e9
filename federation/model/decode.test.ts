import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { canonicalBytes } from './canonical-json.ts';
import { decodeRecord } from './decode.ts';
import { encodeRecord, recordKeyOf } from './encode.ts';
import { parseClusterId } from './ids.ts';
import type { FederationRecord } from './records.ts';
import { DEFAULT_RECORD_LIMITS } from './records.ts';
import { sha256Hex } from './sha256.ts';
import { exampleChain, exampleCluster, exampleGateway, exampleService, HTTP_PORT } from './testing/records.fixture.ts';

const LIMITS = DEFAULT_RECORD_LIMITS;

const full: readonly FederationRecord[] = [
  exampleCluster({ capabilities: ['transit'], transit: true }),
  exampleGateway({ draining: true, modes: ['http', 'tcp', 'udp'], addresses: [{ host: 'gw.example.org', port: 1 }] }),
  exampleService({
    type: 'Headless',
    ports: [HTTP_PORT, { name: 'dns', protocol: 'UDP', port: 53, appProtocol: 'tcp' }],
    sessionAffinity: 'ClientIP',
    sessionAffinityTimeoutS: 86_400,
    internalTrafficPolicy: 'Local',
    trafficDistribution: 'PreferClose',
    labels: { 'app.example.org/name': 'shop', constructor: 'yes' },
    annotations: { note: 'any text, even €' },
    ready: [
      { port: 80, region: 'eu', zone: 'eu-1', ready: 100_000 },
      { port: 80, ready: 0 },
    ],
    grantedTo: [parseClusterId('east')],
  }),
  exampleChain(),
];

/** A valid service of which one thing is spoilt, as canonical JSON, under its right key. */
function spoilt(fields: Record<string, unknown>): readonly [string, Uint8Array] {
  return ['service/default/shop', canonicalBytes({ schema: 1, ...exampleService(), ...fields })];
}

describe('decodeRecord', () => {
  for (const record of full) {
    it(`reads back a ${record.kind} record as it was written`, () => {
      const decoded = decodeRecord(recordKeyOf(record), encodeRecord(record), LIMITS);
      assert.ok(decoded.ok, JSON.stringify(decoded));
      assert.deepEqual(decoded.value, record);
    });
  }

  it('ignores fields that a newer writer of the same schema added', () => {
    const [key, bytes] = spoilt({ shadow: { of: ['things', 'to', 'come'] } });
    const decoded = decodeRecord(key, bytes, LIMITS);
    assert.ok(decoded.ok);
    assert.deepEqual(decoded.value, exampleService());
  });

  it('ignores tunnel modes that it does not know', () => {
    const bytes = canonicalBytes({ schema: 1, ...exampleGateway(), modes: ['quic', 'tcp'] });
    const decoded = decodeRecord('gateway/gw-1', bytes, LIMITS);
    assert.deepEqual(decoded.ok && decoded.value.kind === 'gateway' ? decoded.value.modes : [], ['tcp']);
  });

  it('reads a chain to which a newer writer added a field, under the hash of the stored bytes', () => {
    const bytes = canonicalBytes({ schema: 1, ...exampleChain(), issuer: 'x' });
    const decoded = decodeRecord(`chain/${sha256Hex(bytes)}`, bytes, LIMITS);
    assert.deepEqual(decoded.ok ? decoded.value : decoded, exampleChain());
    assert.ok(!decodeRecord(recordKeyOf(exampleChain()), bytes, LIMITS).ok);
  });

  const invalid: readonly [string, Record<string, unknown>][] = [
    ['a negative weight', { ready: [{ port: 80, ready: -1 }] }],
    ['a fractional weight', { ready: [{ port: 80, ready: 1.5 }] }],
    ['a weight beyond the limit', { ready: [{ port: 80, ready: 1e9 }] }],
    ['a weight that is text', { ready: [{ port: 80, ready: '3' }] }],
    ['a weight for a port that is not there', { ready: [{ port: 81, ready: 1 }] }],
    ['two weights of one port and zone', { ready: [80, 80].map((port) => ({ port, zone: 'a', ready: 1 })) }],
    ['port 0', { ports: [{ ...HTTP_PORT, port: 0 }], ready: [] }],
    ['port 65536', { ports: [{ ...HTTP_PORT, port: 65_536 }], ready: [] }],
    ['an unknown protocol', { ports: [{ ...HTTP_PORT, protocol: 'SCTP' }] }],
    ['two ports of one name', { ports: [HTTP_PORT, { ...HTTP_PORT, port: 81 }] }],
    ['two ports of one number', { ports: [HTTP_PORT, { ...HTTP_PORT, name: 'b' }] }],
    ['a nameless port beside another', { ports: [HTTP_PORT, { ...HTTP_PORT, name: '', port: 81 }] }],
    [
      '65,000 ports',
      { ports: Array.from({ length: 3_000 }, (_, i) => ({ ...HTTP_PORT, name: `p${i}`, port: i + 1 })) },
    ],
    ['a name with a slash', { name: 'shop/../../x' }],
    ['a name in upper case', { name: 'Shop' }],
    ['a 1 MB name that is only letters', { name: 'a'.repeat(100_000) }],
    ['a date before 1970', { exportedAtMs: -1 }],
    ['a date beyond the year 9999', { exportedAtMs: 2 ** 50 }],
    ['a label key that is no qualified name', { labels: { 'a b': 'x' } }],
    ['a label value with a line break', { labels: { a: 'x\ny' } }],
    ['labels that are a list', { labels: ['a'] }],
    ['65 labels', { labels: Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`l${i}`, ''])) }],
    ['an affinity time-out of 0', { sessionAffinityTimeoutS: 0 }],
    ['a field that is null', { internalTrafficPolicy: null }],
    ['a grant to what is no cluster name', { grantedTo: ['*'] }],
    ['an unknown kind', { kind: 'secret' }],
    ['schema 0', { schema: 0 }],
    ['no schema', { schema: undefined }],
  ];
  for (const [name, fields] of invalid) {
    it(`refuses ${name}`, () => {
      const decoded = decodeRecord(...spoilt(fields), LIMITS);
      assert.ok(!decoded.ok);
      assert.equal(decoded.reason, 'InvalidRecord', decoded.message);
    });
  }

  it('names a newer schema before anything else in the record can confuse', () => {
    const decoded = decodeRecord(...spoilt({ schema: 2, ports: 'other' }), LIMITS);
    assert.deepEqual(decoded.ok ? '' : decoded.reason, 'SchemaTooNew');
  });

  it('refuses a record under the key of another', () => {
    const bytes = encodeRecord(exampleService());
    for (const key of ['service/default/cart', 'service/shop/default', 'gateway/shop', 'cluster']) {
      const decoded = decodeRecord(key, bytes, LIMITS);
      assert.equal(decoded.ok ? '' : decoded.reason, 'KeyMismatch', key);
    }
    const chain = decodeRecord(`chain/${'0'.repeat(64)}`, encodeRecord(exampleChain()), LIMITS);
    assert.equal(chain.ok ? '' : chain.reason, 'KeyMismatch');
  });

  it('refuses a record above the size limit before it parses it', () => {
    const decoded = decodeRecord('cluster', new Uint8Array(LIMITS.recordBytesMax + 1), LIMITS);
    assert.equal(decoded.ok ? '' : decoded.reason, 'RecordTooLarge');
  });

  it('refuses keys of no known kind', () => {
    for (const key of ['', 'facts/x', 'service', '__proto__', 'CLUSTER', 'a'.repeat(10_000)]) {
      const decoded = decodeRecord(key, encodeRecord(exampleCluster()), LIMITS);
      assert.ok(!decoded.ok);
      assert.ok(['UnknownKind', 'KeyMismatch'].includes(decoded.reason), `${key}: ${decoded.reason}`);
    }
  });

  it('never throws, whatever the bytes: 20,000 cases', () => {
    const valid = full.map((record) => ({ key: recordKeyOf(record), bytes: encodeRecord(record) }));
    const mutated = fc
      .record({
        from: fc.constantFrom(...valid),
        edits: fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 4 }),
        cut: fc.option(fc.nat(), { freq: 5 }),
      })
      .map(({ from, edits, cut }) => {
        const bytes = Uint8Array.from(from.bytes);
        for (const [at, octet] of edits) bytes[at % bytes.length] = octet;
        return { key: from.key, bytes: cut === null ? bytes : bytes.subarray(0, cut % bytes.length) };
      });
    const shaped = fc
      .record({ key: fc.constantFrom(...valid.map(({ key }) => key)), value: fc.jsonValue({ maxDepth: 4 }) })
      .map(({ key, value }) => ({ key, bytes: new TextEncoder().encode(JSON.stringify(value)) }));
    const raw = fc.record({ key: fc.string(), bytes: fc.uint8Array({ maxLength: 200 }) });
    let refused = 0;
    fc.assert(
      fc.property(fc.oneof({ weight: 4, arbitrary: mutated }, shaped, raw), ({ key, bytes }) => {
        const decoded = decodeRecord(key, bytes, LIMITS);
        if (decoded.ok) assert.ok(encodeRecord(decoded.value).length > 0);
        else refused += decoded.reason.length > 0 ? 1 : 0;
      }),
      { numRuns: 20_000 },
    );
    assert.ok(refused > 10_000, `${refused} refused`);
  });
});
