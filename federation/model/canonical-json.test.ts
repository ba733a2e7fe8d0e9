import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { canonicalBytes, canonicalJson, JSON_DEPTH_MAX, NotCanonicalError, parseCanonical } from './canonical-json.ts';

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('canonicalJson', () => {
  it('sorts keys by UTF-16 code units at every level and leaves out what is undefined', () => {
    assert.equal(
      canonicalJson({ b: [{ z: 1, a: 2 }], '10': 'x', '9': 'y', é: null, a: undefined, Z: true }),
      '{"10":"x","9":"y","Z":true,"b":[{"a":2,"z":1}],"é":null}',
    );
  });

  it('writes numbers and escapes as RFC 8785 shows them', () => {
    assert.equal(
      canonicalJson([Number('333333333.33333329'), 1e30, 4.5, 2e-3, 1e-27]),
      '[333333333.3333333,1e+30,4.5,0.002,1e-27]',
    );
    assert.equal(canonicalJson('\u20ac$\u000f\nA\'B"\\\\"/'), '"\u20ac$\\u000f\\nA\'B\\"\\\\\\\\\\"/"');
  });

  for (const [name, value] of [
    ['NaN', Number.NaN],
    ['infinity', Number.POSITIVE_INFINITY],
    ['a bigint', 1n],
    ['a function', () => 1],
    ['a lone surrogate', '\ud800'],
    ['a lone surrogate in a key', { '\udc00': 1 }],
    ['a key named __proto__', JSON.parse('{"__proto__":1}')],
  ] as const) {
    it(`has no form for ${name}`, () => {
      assert.throws(() => canonicalJson(value), NotCanonicalError);
    });
  }
});

describe('parseCanonical', () => {
  const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);
  const refused: readonly [string, Uint8Array, string][] = [
    ['bad UTF-8', Uint8Array.of(0x22, 0xc3, 0x28, 0x22), 'NotUtf8'],
    ['an overlong UTF-8 form', Uint8Array.of(0x22, 0xc0, 0xaf, 0x22), 'NotUtf8'],
    ['a byte order mark', bytesOf('\ufeff{}'), 'NotJson'],
    ['nothing', bytesOf(''), 'NotJson'],
    ['NaN', bytesOf('{"a":NaN}'), 'NotJson'],
    ['a trailing comma', bytesOf('[1,]'), 'NotJson'],
    ['white space', bytesOf('{"a": 1}'), 'NotCanonical'],
    ['duplicate keys', bytesOf('{"a":1,"a":2}'), 'NotCanonical'],
    ['keys out of order', bytesOf('{"b":1,"a":2}'), 'NotCanonical'],
    ['a number that overflows', bytesOf('{"a":1e999}'), 'NotCanonical'],
    ['an integer beyond 2^53', bytesOf('{"a":9007199254740993}'), 'NotCanonical'],
    ['minus zero', bytesOf('[-0]'), 'NotCanonical'],
    ['a number with a fraction of zero', bytesOf('[1.0]'), 'NotCanonical'],
    ['an escape that is not needed', bytesOf('"\\u0041"'), 'NotCanonical'],
    ['an escaped lone surrogate', bytesOf('"\\ud800"'), 'NotCanonical'],
    ['a key named __proto__', bytesOf('{"__proto__":{"x":1}}'), 'ForbiddenKey'],
    ['a nested key named __proto__', bytesOf('{"a":[{"__proto__":1}]}'), 'ForbiddenKey'],
    ['deep nesting', bytesOf(nested(JSON_DEPTH_MAX + 2)), 'TooDeep'],
    ['nesting that would overflow a recursive reader', bytesOf(nested(100_000)), 'TooDeep'],
  ];
  for (const [name, bytes, reason] of refused) {
    it(`refuses ${name}`, () => {
      const parsed = parseCanonical(bytes);
      assert.ok(!parsed.ok);
      assert.equal(parsed.reason, reason);
    });
  }

  it('reads whatever canonicalBytes writes, unchanged', () => {
    const value = fc.object({
      maxDepth: 3,
      key: fc.string({ unit: 'grapheme' }).filter((key) => key !== '__proto__'),
      values: [
        fc.string({ unit: 'grapheme' }),
        fc.integer(),
        fc.boolean(),
        fc.constant(null),
        fc.nat().map((n) => n / 8),
      ],
    });
    fc.assert(
      fc.property(value, (written) => {
        const parsed = parseCanonical(canonicalBytes(written));
        assert.ok(parsed.ok);
        // A missing prototype is an artefact of the generator, not of the format.
        assert.equal(canonicalJson(parsed.value), canonicalJson(written));
      }),
      { numRuns: 300 },
    );
  });

  it('reads integer-like keys, which JavaScript lists in numeric order', () => {
    assert.ok(parseCanonical(bytesOf('{"10":1,"9":2}')).ok);
    assert.ok(!parseCanonical(bytesOf('{"9":2,"10":1}')).ok);
  });
});
