import type { DescMessage, DescMethod, MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import type { Store } from '../../../protos/gen/isthmus/store/v1/store_pb.ts';

/**
 * The service as server and client both see it: paths, codecs and the header names of `store.proto`. Free of the gRPC
 * library, which has one door on each side.
 */
export type Methods = (typeof Store)['method'];
export type MethodName = keyof Methods;
export type UnaryName = NameOfKind<'unary'>;
export type StreamName = NameOfKind<'server_streaming'>;
type NameOfKind<Kind> = { [Name in MethodName]: Methods[Name]['methodKind'] extends Kind ? Name : never }[MethodName];

export type RequestOf<Name extends MethodName> = MessageShape<Methods[Name]['input']>;
export type RequestInitOf<Name extends MethodName> = MessageInitShape<Methods[Name]['input']>;
export type ResponseOf<Name extends MethodName> = MessageShape<Methods[Name]['output']>;
export type ResponseInitOf<Name extends MethodName> = MessageInitShape<Methods[Name]['output']>;

export const HEADER = {
  proof: 'isthmus-proof-bin',
  nonce: 'isthmus-nonce-bin',
  session: 'isthmus-session',
  error: 'isthmus-error-bin',
} as const;

/** What clients send as TLS server name: the same for every server, because its key is what is checked. */
export const TLS_SERVER_NAME = 'isthmus-store';

/** A commit of the largest size, with its head and keys. */
export const REQUEST_BYTES_MAX = 33 * 1024 * 1024;
/** The largest single message from the server: all pending join requests, or a join answer. */
export const RESPONSE_BYTES_MAX = 24 * 1024 * 1024;
/** What comes in parts comes in parts of about this size: small beside a slow link's bandwidth in one second. */
export const PART_BYTES = 512 * 1024;

/** Status codes of gRPC that our client looks at. */
export const STATUS = { internal: 13, unauthenticated: 16 } as const;

export function pathOf(method: DescMethod): string {
  return `/${method.parent.typeName}/${method.name}`;
}

/** A message's octets as the Buffer that the gRPC library wants, without copying them. */
export function encodeMessage<Desc extends DescMessage>(schema: Desc, init: MessageInitShape<Desc>): Buffer {
  const octets = toBinary(schema, create(schema, init));
  return Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength);
}

export function decodeMessage<Desc extends DescMessage>(schema: Desc, octets: Uint8Array): MessageShape<Desc> {
  // A plain view: slices of a Buffer are Buffers, and the contract speaks of Uint8Array.
  return fromBinary(schema, new Uint8Array(octets.buffer, octets.byteOffset, octets.byteLength));
}
