import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { canonicalBytes, parseAsWritten } from './canonical-json.ts';
import { readService } from './read-service.ts';
import { recordSchema } from './record-schemas.ts';
import { RECORD_SCHEMA } from './records.ts';
import { exampleService, HTTP_PORT } from './testing/records.fixture.ts';

/** Near the edges of what a field may be, on both sides of them. */
const odd: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>('', 'a', 'A', 'a-', 'a.b', 'x'.repeat(63), 'x'.repeat(64), 'ü', '\ud800', '__proto__', null),
  fc.constantFrom<unknown>(0, 1, -1, 1.5, 80, 65_535, 65_536, 86_400, 86_401, 100_001, 2 ** 53, true, [], {}, [{}]),
  fc.constantFrom<unknown>('TCP', 'UDP', 'http', 'http2', 'tcp', 'None', 'ClientIP', 'Cluster', 'Local', 'Headless'),
  fc.jsonValue({ maxDepth: 2 }),
);
const port = fc.record(
  {
    name: fc.constantFrom('http', 'grpc'),
    protocol: fc.constantFrom('TCP', 'UDP'),
    port: fc.constantFrom(80, 81),
    appProtocol: fc.constantFrom('http', 'http2', 'grpc', 'tcp'),
  },
  { requiredKeys: ['name', 'protocol', 'port', 'appProtocol'] },
);
const weight = fc.record(
  {
    port: fc.constant(80),
    region: fc.constant('r'),
    zone: fc.constantFrom('a', 'b'),
    ready: fc.constantFrom(0, 1),
  },
  { requiredKeys: ['port', 'ready'] },
);
const labels = fc.dictionary(fc.constantFrom('a', 'b/c', 'A_1', '10', '9'), fc.constantFrom('', 'v', 'V.1'));
const fields = fc.record(
  {
    sessionAffinityTimeoutS: fc.constantFrom(1, 86_400),
    internalTrafficPolicy: fc.constantFrom('Cluster', 'Local'),
    trafficDistribution: fc.constant('PreferClose'),
    grantedTo: fc.array(fc.constantFrom('east', 'west')),
    labels,
    annotations: labels,
    ports: fc.array(port, { maxLength: 2 }).map((more) => [HTTP_PORT, ...more]),
    ready: fc.array(weight, { maxLength: 3 }),
  },
  { requiredKeys: [] },
);
const names = fc.constantFrom(...Object.keys({ ...exampleService(), schema: 1, grantedTo: 1, extra: 1 }));
const services = fc.tuple(fields, fc.option(fc.tuple(names, odd), { nil: undefined })).map(([some, spoilt]) => {
  const whole: Record<string, unknown> = { schema: RECORD_SCHEMA, ...exampleService(), ...(some as object) };
  if (spoilt !== undefined) whole[spoilt[0]] = spoilt[1];
  return whole;
});

test('whatever the quick reader takes, the schema takes too and reads the same', () => {
  let taken = 0;
  fc.assert(
    fc.property(services, (service) => {
      // What a writer sends has keys in order; the quick reader is handed what JSON.parse makes of it.
      const value: unknown = JSON.parse(JSON.stringify(sorted(service)));
      const quick = readService(value);
      if (quick === undefined) return;
      taken += 1;
      assert.deepEqual(quick, recordSchema.parse(value));
    }),
    { numRuns: 5_000 },
  );
  assert.ok(taken > 100, `only ${taken} were taken`);
});

test('it takes every ordinary service at sight', () => {
  const variants = [
    exampleService(),
    exampleService({ grantedTo: [], trafficDistribution: 'PreferClose', internalTrafficPolicy: 'Local' }),
    exampleService({ labels: { 'app.kubernetes.io/name': 'shop' }, annotations: { note: 'ünicode\n"quoted"' } }),
  ];
  for (const service of variants) {
    const bytes = canonicalBytes({ schema: RECORD_SCHEMA, ...service });
    assert.deepEqual(readService(parseAsWritten(bytes)), service);
  }
});

test('it leaves what is not canonical or not of this schema to the schema', () => {
  const service = { schema: RECORD_SCHEMA, ...exampleService() };
  assert.equal(readService(service), undefined, 'keys out of order');
  for (const other of [
    { ...service, schema: 2 },
    { ...service, extra: 1 },
    { ...service, annotations: { a: '\ud800' } },
  ]) {
    assert.equal(readService(JSON.parse(JSON.stringify(sorted(other)))), undefined);
  }
  for (const text of ['{"a":1,"a":1}', '{ "a":1}', '1e999', '-0', '\ufeff{}', 'x']) {
    assert.equal(parseAsWritten(new TextEncoder().encode(text)), undefined, text);
  }
  assert.equal(parseAsWritten(Uint8Array.of(0x22, 0xff, 0x22)), undefined);
});

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1));
  return Object.fromEntries(entries.map(([key, item]) => [key, sorted(item)]));
}
