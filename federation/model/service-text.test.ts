import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { canonicalBytes, canonicalJson, parseAsWritten } from './canonical-json.ts';
import { readService } from './read-service.ts';
import { RECORD_SCHEMA } from './records.ts';
import { readServiceText, SERVICE_TEXT_CHARS_MAX } from './service-text.ts';
import { exampleService } from './testing/records.fixture.ts';

const KEY = 'service/shop/cart';

function serviceValue(fields: object = {}): Record<string, unknown> {
  return { schema: RECORD_SCHEMA, ...exampleService(), namespace: 'shop', name: 'cart', ...fields };
}

/** The slow way: whole text to value, compared with what it is when written again, then field by field. */
function readWhole(text: string): unknown {
  const service = readService(parseAsWritten(new TextEncoder().encode(text)));
  return service?.namespace === 'shop' && service.name === 'cart' ? service : undefined;
}

/** Words at which a text is cut, where they do not belong. */
const trap = fc.constantFrom('labels', 'ports', 'ready', 'schema', 'exportedAtMs', 'name', 'kind', 'a', '10', '9');
const traps = fc.dictionary(trap, fc.constantFrom('', 'x', 'v.1'));
const notes = fc.dictionary(
  trap,
  fc.constantFrom('', '},"exportedAtMs":1,', 'ünicode', '\n"q"', '\u001f', ',"labels":{'),
);
const values = fc
  .record(
    {
      labels: traps,
      annotations: notes,
      grantedTo: fc.array(fc.constantFrom('east', 'west')),
      internalTrafficPolicy: fc.constantFrom('Cluster', 'Local', 'Else'),
      sessionAffinityTimeoutS: fc.constantFrom(0, 1, 86_400),
      trafficDistribution: fc.constantFrom('PreferClose', '],"schema":'),
      exportedAtMs: fc.constantFrom(0, 1, 1_767_225_600_000, 253_402_300_799_999, 253_402_300_800_000, 2 ** 53),
      ready: fc.array(fc.record({ port: fc.constantFrom(80, 8080), ready: fc.constantFrom(0, 3) }), { maxLength: 2 }),
    },
    { requiredKeys: [] },
  )
  .map((fields) => canonicalJson(serviceValue(fields)));

/** Damage that keeps a text parseable more often than not. */
const damage = fc.constantFrom<readonly [from: string | RegExp, to: string]>(
  [/$/, ''],
  [':{', ': {'],
  [/\d+/, '$&.0'],
  [/(\d)0{3,}/, '$1e3'],
  [/\d/, '0$&'],
  [/:(\d)/, ':-$1'],
  ['"labels":{', '"labels":{"zz":"1",'],
  ['"labels":{', '"labels":{},"labels":{'],
  ['"kind":"service",', ''],
  ['"kind":"service"', '"kind":"service","kind":"service"'],
  ['"kind"', '"\\u006bind"'],
  ['/', '\\/'],
  [/}$/, ',"zone":"a"}'],
  [/}$/, '} '],
  [/^/, '\ufeff'],
  [/^(.*)$/s, '$1$1'],
  ['"ports":[', '"ports":[{},'],
  ['"name":"cart"', '"name":"card"'],
  ['"schema":1', '"schema":2'],
);

test('what is read part by part is what the whole text says, and nothing else is read', () => {
  let taken = 0;
  let refused = 0;
  fc.assert(
    fc.property(values, damage, fc.nat(), (text, [from, to], at) => {
      const cut = at % text.length;
      const variants = [text, text.replace(from, to), text.slice(0, cut) + text.slice(cut + 1)];
      for (const variant of variants) {
        const read = readServiceText(KEY, variant);
        if (read === undefined) refused += 1;
        else {
          taken += 1;
          assert.deepEqual(read, readWhole(variant), variant);
          assert.equal(canonicalJson({ ...read, schema: RECORD_SCHEMA }), variant);
        }
      }
    }),
    { numRuns: 4_000 },
  );
  assert.ok(taken > 400 && refused > 400, `${taken} taken, ${refused} refused`);
});

test('ordinary services are read at sight, the same again and again', () => {
  for (const fields of [
    {},
    { labels: { 'app.kubernetes.io/name': 'cart' }, annotations: { note: 'ünicode\n"quoted"' } },
    {
      grantedTo: ['east'],
      internalTrafficPolicy: 'Local',
      sessionAffinityTimeoutS: 5,
      trafficDistribution: 'PreferClose',
    },
    { ports: [], ready: [] },
  ]) {
    const text = canonicalJson(serviceValue(fields));
    const [first, second] = [readServiceText(KEY, text), readServiceText(KEY, text)];
    assert.ok(first !== undefined && second !== undefined, text);
    assert.deepEqual(first, readWhole(text));
    assert.deepEqual(second, first);
    assert.equal(second.ports, first.ports, 'parts are shared');
  }
});

test('a weight for a port of another service with the same weights is left to the schema', () => {
  const port = (number: number) => ({ name: 'http', protocol: 'TCP', port: number, appProtocol: 'http' });
  const weights = { ready: [{ port: 80, ready: 3 }] };
  assert.ok(readServiceText(KEY, canonicalJson(serviceValue({ ports: [port(80)], ...weights }))));
  assert.equal(readServiceText(KEY, canonicalJson(serviceValue({ ports: [port(81)], ...weights }))), undefined);
});

test('a service under the key of another, or under none of a service, is left to the schema', () => {
  const text = canonicalJson(serviceValue());
  for (const key of [
    'service/shop/card',
    'service/other/cart',
    'service/shop',
    'gateway/shop',
    'service/shop/',
    'service//cart',
  ]) {
    assert.equal(readServiceText(key, text), undefined, key);
  }
  const dotted = canonicalJson(serviceValue({ name: 'cart.x' }));
  assert.equal(readServiceText('service/shop/cart.x', dotted), undefined);
});

test('a text that would keep much memory is left to the schema', () => {
  const text = canonicalJson(serviceValue({ annotations: { note: 'x'.repeat(SERVICE_TEXT_CHARS_MAX) } }));
  assert.equal(readServiceText(KEY, text), undefined);
  assert.equal(canonicalBytes(serviceValue()).length <= SERVICE_TEXT_CHARS_MAX, true);
});
