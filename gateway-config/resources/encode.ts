import { createHash } from 'node:crypto';
import type { DescMessage, MessageInitShape } from '@bufbuild/protobuf';
import { create, toBinary } from '@bufbuild/protobuf';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { ResourceSchema } from '../gen/envoy/service/discovery/v3/discovery_pb.ts';
import { AnySchema } from '../gen/google/protobuf/any_pb.ts';
import type { Resource, TypeUrl } from '../snapshot.ts';
import { concatenate } from './frame.ts';

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
  return { type, resource: { name, version, encoded: frameBytes(type, name, version, bytes) } };
}

/**
 * `envoy.service.discovery.v3.Resource` with the bytes in its Any. Framed by hand, because a route table may have
 * hundreds of kilobytes and exists once per caller: this copies it once.
 */
function frameBytes(type: TypeUrl, name: string, version: string, bytes: Uint8Array): Uint8Array {
  const head = toBinary(ResourceSchema, create(ResourceSchema, { name, version }));
  const typeUrl = toBinary(AnySchema, create(AnySchema, { typeUrl: type }));
  const value = lengthDelimited(AnySchema.field.value.number, bytes.length);
  const any = lengthDelimited(ResourceSchema.field.resource.number, typeUrl.length + value.length + bytes.length);
  return concatenate([head, any, typeUrl, value, bytes]);
}

function lengthDelimited(field: number, length: number): Uint8Array {
  return new BinaryWriter().tag(field, WireType.LengthDelimited).uint32(length).finish();
}
