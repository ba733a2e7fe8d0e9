import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DerNode } from './der.ts';
import { constructed, DerError, encodeDer, integer, primitive, sequence } from './der.ts';
import { permitsUriHost, readNameConstraints, trustDomainConstraints } from './name-constraints.ts';

const PERMITTED = 0xa0;
const EXCLUDED = 0xa1;

function subtree(kind: number, text: string): DerNode {
  return sequence(primitive(kind, Buffer.from(text, 'latin1')));
}

function uris(permitted: readonly string[], excluded: readonly string[] = []): Uint8Array {
  const side = (tag: number, hosts: readonly string[]): DerNode =>
    constructed(tag, ...hosts.map((host) => subtree(0x86, host)));
  return encodeDer(sequence(side(PERMITTED, permitted), side(EXCLUDED, excluded)));
}

test("a cluster CA's constraints permit its own host exactly", () => {
  const constraints = readNameConstraints(trustDomainConstraints('east.prod.example.org').value);
  assert.deepEqual(constraints, { permittedUriHosts: ['east.prod.example.org'], excludedUriHosts: [] });
  for (const [host, permitted] of [
    ['east.prod.example.org', true],
    ['x.east.prod.example.org', false],
    ['xeast.prod.example.org', false],
    ['prod.example.org', false],
    ['east.prod.example.org.evil', false],
    ['', false],
  ] as const) {
    assert.equal(permitsUriHost(constraints, host), permitted, host);
  }
});

test('a leading dot permits the names below and not the name itself (RFC 5280, section 4.2.1.10)', () => {
  const constraints = readNameConstraints(uris(['.example.org']));
  assert.equal(permitsUriHost(constraints, 'east.example.org'), true);
  assert.equal(permitsUriHost(constraints, 'a.east.example.org'), true);
  assert.equal(permitsUriHost(constraints, 'example.org'), false);
  assert.equal(permitsUriHost(constraints, 'badexample.org'), false);
});

test('case does not matter in a constraint, and exclusion wins over permission', () => {
  assert.equal(permitsUriHost(readNameConstraints(uris(['EAST.example.org'])), 'east.example.org'), true);
  const both = readNameConstraints(uris(['.example.org'], ['east.example.org']));
  assert.equal(permitsUriHost(both, 'east.example.org'), false);
  assert.equal(permitsUriHost(both, 'west.example.org'), true);
});

test('constraints that could not be enforced are an error, never ignored', () => {
  const side = (...entries: readonly DerNode[]): Uint8Array => encodeDer(sequence(constructed(PERMITTED, ...entries)));
  const host = primitive(0x86, Buffer.from('example.org'));
  const cases: Record<string, Uint8Array> = {
    'e-mail addresses': side(subtree(0x81, 'example.org')),
    'directory names': side(sequence(constructed(0xa4, sequence()))),
    'a minimum': side(sequence(host, primitive(0x80, Uint8Array.of(1)))),
    'an unknown side': encodeDer(sequence(constructed(0xa2, subtree(0x86, 'example.org')))),
    'sides in the wrong order': encodeDer(sequence(constructed(EXCLUDED), constructed(PERMITTED))),
    'no sequence': encodeDer(integer(Uint8Array.of(1))),
  };
  for (const [name, value] of Object.entries(cases)) assert.throws(() => readNameConstraints(value), DerError, name);
});
