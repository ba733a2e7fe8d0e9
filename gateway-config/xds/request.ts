import { fromBinary } from '@bufbuild/protobuf';
import { IsthmusError } from '../../runtime/errors.ts';
import {
  type DeltaDiscoveryRequest,
  DeltaDiscoveryRequestSchema,
} from '../gen/envoy/service/discovery/v3/discovery_pb.ts';
import { TYPE_ORDER, type TypeUrl } from '../snapshot.ts';

/** A delta discovery request as plain data, checked against limits: a gateway is ours, but its host may not be. */
export interface XdsRequest {
  readonly type: TypeUrl;
  readonly subscribe: readonly string[];
  readonly unsubscribe: readonly string[];
  /** `initial_resource_versions`: what a reconnecting client still has. */
  readonly presented: ReadonlyMap<string, string>;
  /** Empty for a request that answers no response. */
  readonly nonce: string;
  /** Present: the response of this nonce was refused. */
  readonly refusal?: string | undefined;
  /** On the first request of a stream. */
  readonly node?: { readonly id: string; readonly build: string } | undefined;
}

export class InvalidRequestError extends IsthmusError {
  constructor(message: string, fields: Readonly<Record<string, unknown>> = {}) {
    super('invalid-xds-request', message, { fields });
  }
}

/** A client for a type that we do not serve. Not an error of the stream: Envoy may be newer than we are. */
export class UnknownTypeError extends IsthmusError {
  constructor(type: string) {
    super('unknown-resource-type', 'resource type is not served', { fields: { type: type.slice(0, 200) } });
  }
}

/** A request with more names than 20,000 imported and exported ports could need is not from our gateway. */
export const REQUEST_NAMES_MAX = 50_000;
/** Longest name of ours is `export|NS/NAME:PORT`, below 150 octets. */
export const NAME_CHARACTERS_MAX = 512;
/** Error texts of Envoy quote whole matchers; the head of the text has the name and the reason. */
const REFUSAL_CHARACTERS_MAX = 4096;

const TYPES: ReadonlySet<string> = new Set(TYPE_ORDER);

function isTypeUrl(text: string): text is TypeUrl {
  return TYPES.has(text);
}

/** @throws InvalidRequestError, UnknownTypeError */
export function decodeRequest(frame: Uint8Array): XdsRequest {
  const message = parse(frame);
  if (!isTypeUrl(message.typeUrl)) throw new UnknownTypeError(message.typeUrl);
  const presented = new Map(Object.entries(message.initialResourceVersions));
  checkNames(message.resourceNamesSubscribe, message.resourceNamesUnsubscribe, [...presented.keys()]);
  return {
    type: message.typeUrl,
    subscribe: message.resourceNamesSubscribe,
    unsubscribe: message.resourceNamesUnsubscribe,
    presented,
    nonce: message.responseNonce,
    refusal: message.errorDetail?.message.slice(0, REFUSAL_CHARACTERS_MAX),
    node: message.node === undefined ? undefined : { id: message.node.id, build: buildOf(message.node) },
  };
}

function parse(frame: Uint8Array): DeltaDiscoveryRequest {
  try {
    return fromBinary(DeltaDiscoveryRequestSchema, frame);
  } catch (cause) {
    throw new IsthmusError('invalid-xds-request', 'not a delta discovery request', { cause });
  }
}

function checkNames(...lists: (readonly string[])[]): void {
  for (const names of lists) {
    if (names.length > REQUEST_NAMES_MAX) {
      throw new InvalidRequestError('too many resource names in one request', { count: names.length });
    }
    const long = names.find((name) => name.length > NAME_CHARACTERS_MAX);
    if (long !== undefined) throw new InvalidRequestError('a resource name is too long', { name: long.slice(0, 80) });
  }
}

function buildOf(node: NonNullable<DeltaDiscoveryRequest['node']>): string {
  const version = node.userAgentVersionType;
  if (version.case === 'userAgentVersion') return `${node.userAgentName}/${version.value}`;
  const semantic = version.case === 'userAgentBuildVersion' ? version.value.version : undefined;
  if (semantic === undefined) return node.userAgentName;
  return `${node.userAgentName}/${semantic.majorNumber}.${semantic.minorNumber}.${semantic.patch}`;
}
