import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { IsthmusError } from '../../runtime/errors.ts';
import { DeltaDiscoveryRequestSchema } from '../gen/envoy/service/discovery/v3/discovery_pb.ts';
import { TYPE_URL } from '../snapshot.ts';
import { decodeRequest, NAME_CHARACTERS_MAX, REQUEST_NAMES_MAX, UnknownTypeError } from './request.ts';

function encoded(init: Parameters<typeof create<typeof DeltaDiscoveryRequestSchema>>[1]): Uint8Array {
  return toBinary(DeltaDiscoveryRequestSchema, create(DeltaDiscoveryRequestSchema, init));
}

test('a request is read whole', () => {
  const request = decodeRequest(
    encoded({
      typeUrl: TYPE_URL.endpoints,
      node: {
        id: 'gw',
        userAgentName: 'envoy',
        userAgentVersionType: {
          case: 'userAgentBuildVersion',
          value: { version: { majorNumber: 1, minorNumber: 40, patch: 0 } },
        },
      },
      resourceNamesSubscribe: ['a'],
      resourceNamesUnsubscribe: ['b'],
      initialResourceVersions: { c: '1' },
      responseNonce: '7',
      errorDetail: { message: 'no' },
    }),
  );
  assert.deepEqual(request, {
    type: TYPE_URL.endpoints,
    subscribe: ['a'],
    unsubscribe: ['b'],
    presented: new Map([['c', '1']]),
    nonce: '7',
    refusal: 'no',
    node: { id: 'gw', build: 'envoy/1.40.0' },
  });
});

test('a refusal without a text is a refusal', () => {
  assert.equal(decodeRequest(encoded({ typeUrl: TYPE_URL.cluster, responseNonce: '1', errorDetail: {} })).refusal, '');
});

test('too many names, too long names and unknown types are refused with a reason', () => {
  const typeUrl = TYPE_URL.cluster;
  const many = Array.from({ length: REQUEST_NAMES_MAX + 1 }, () => 'a');
  assert.throws(() => decodeRequest(encoded({ typeUrl, resourceNamesSubscribe: many })), /too many/);
  const long = 'a'.repeat(NAME_CHARACTERS_MAX + 1);
  assert.throws(() => decodeRequest(encoded({ typeUrl, initialResourceVersions: { [long]: '1' } })), /too long/);
  assert.throws(() => decodeRequest(encoded({ typeUrl: 'type.googleapis.com/x' })), UnknownTypeError);
});

test('names that are special in JavaScript are names', () => {
  const names = ['constructor', 'toString', 'hasOwnProperty'];
  const versions = Object.fromEntries(names.map((name) => [name, '1']));
  const { presented } = decodeRequest(encoded({ typeUrl: TYPE_URL.cluster, initialResourceVersions: versions }));
  assert.deepEqual([...presented.keys()].sort(), names.sort());
});

test('random bytes are refused with an error of ours, or are a request', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      try {
        decodeRequest(bytes);
      } catch (error) {
        assert.ok(error instanceof IsthmusError);
      }
    }),
    { numRuns: 2_000 },
  );
});
