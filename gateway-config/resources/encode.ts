import { createHash } from 'node:crypto';
import type { DescMessage, MessageInitShape } from '@bufbuild/protobuf';
import { create, toBinary } from '@bufbuild/protobuf';
import { ResourceSchema } from '../gen/envoy/service/discovery/v3/discovery_pb.ts';
import type { Resource, TypeUrl } from '../snapshot.ts';

const VERSION_HEX_DIGITS = 16;

/** A resource under the type it is sent as. */
export interface TypedResource {
  readonly type: TypeUrl;
  readonly resource: Resource;
}

export function encodeResource<Desc extends DescMessage>(
  type: TypeUrl,
  name: string,
  schema: Desc,
  init: MessageInitShape<Desc>,
): TypedResource {
  return wrapResource(type, name, toBinary(schema, create(schema, init)));
}

export function wrapResource(type: TypeUrl, name: string, bytes: Uint8Array): TypedResource {
  const version = createHash('sha256').update(bytes).digest('hex').slice(0, VERSION_HEX_DIGITS);
  const resource = create(ResourceSchema, { name, version, resource: { typeUrl: type, value: bytes } });
  return { type, resource: { name, version, encoded: toBinary(ResourceSchema, resource) } };
}
