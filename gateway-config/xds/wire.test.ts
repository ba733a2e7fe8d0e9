import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { DeltaDiscoveryResponseSchema, ResourceSchema } from '../gen/envoy/service/discovery/v3/discovery_pb.ts';
import { decodeResponse, encodeResponse, MalformedResponseError } from './wire.ts';

const resource = fc.record({ name: fc.string(), version: fc.string(), value: fc.uint8Array({ maxLength: 300 }) });
const response = fc.record({
  type: fc.string(),
  nonce: fc.string(),
  resources: fc.array(resource, { maxLength: 5 }),
  removed: fc.array(fc.string(), { maxLength: 5 }),
});

function encoded(of: { name: string; version: string; value: Uint8Array }) {
  const { name, version, value } = of;
  const message = create(ResourceSchema, { name, version, resource: { typeUrl: 'x', value }, ttl: { seconds: 5n } });
  return { name, version, encoded: toBinary(ResourceSchema, message) };
}

test('a spliced response is what the generated decoder reads, and is read back', () => {
  fc.assert(
    fc.property(response, (made) => {
      const resources = made.resources.map(encoded);
      const frame = encodeResponse({ ...made, resources });
      const message = fromBinary(DeltaDiscoveryResponseSchema, frame);
      assert.equal(message.typeUrl, made.type);
      assert.equal(message.nonce, made.nonce);
      assert.deepEqual(message.removedResources, made.removed);
      assert.deepEqual(
        message.resources.map((inner) => [inner.name, inner.version, Buffer.from(inner.resource?.value ?? [])]),
        made.resources.map(({ name, version, value }) => [name, version, Buffer.from(value)]),
      );
      const back = decodeResponse(frame);
      assert.deepEqual([back.type, back.nonce, back.removed], [made.type, made.nonce, made.removed]);
      assert.deepEqual(
        back.resources.map(({ name, version }) => [name, version]),
        made.resources.map(({ name, version }) => [name, version]),
      );
    }),
    { numRuns: 200 },
  );
});

test('what the generated encoder writes is read, fields that we do not use included', () => {
  const frame = toBinary(
    DeltaDiscoveryResponseSchema,
    create(DeltaDiscoveryResponseSchema, {
      systemVersionInfo: 'v',
      typeUrl: 't',
      nonce: 'n',
      removedResources: ['gone'],
      controlPlane: { identifier: 'c' },
      resources: [{ name: 'a', version: '1', aliases: ['b'], ttl: { seconds: 300n } }],
    }),
  );
  const { type, nonce, removed, resources } = decodeResponse(frame);
  assert.deepEqual([type, nonce, removed], ['t', 'n', ['gone']]);
  assert.deepEqual([resources[0]?.name, resources[0]?.version], ['a', '1']);
});

test('a frame that is cut anywhere is refused or is a shorter response, never a crash', () => {
  const frame = encodeResponse({
    type: 't',
    nonce: 'n',
    resources: [encoded({ name: 'a', version: '1', value: new Uint8Array(40) })],
    removed: ['b'],
  });
  let refused = 0;
  for (let length = 0; length < frame.length; length++) {
    try {
      decodeResponse(frame.subarray(0, length));
    } catch (error) {
      assert.ok(error instanceof MalformedResponseError);
      refused += 1;
    }
  }
  assert.ok(refused > frame.length / 2);
});

test('random bytes are refused or read, never a crash', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      try {
        decodeResponse(bytes);
      } catch (error) {
        assert.ok(error instanceof MalformedResponseError);
      }
    }),
    { numRuns: 2_000 },
  );
});
