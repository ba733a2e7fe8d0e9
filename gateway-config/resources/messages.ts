/** The handful of Envoy messages that every resource is made of. */
import type { DescMessage, MessageInitShape } from '@bufbuild/protobuf';
import { create, toBinary } from '@bufbuild/protobuf';
import type { HeaderMutation } from '../gen/envoy/config/common/mutation_rules/v3/mutation_rules_pb.ts';
import { HeaderMutationSchema } from '../gen/envoy/config/common/mutation_rules/v3/mutation_rules_pb.ts';
import type { Address } from '../gen/envoy/config/core/v3/address_pb.ts';
import { AddressSchema } from '../gen/envoy/config/core/v3/address_pb.ts';
import type { HeaderValueOption } from '../gen/envoy/config/core/v3/base_pb.ts';
import {
  HeaderValueOption_HeaderAppendAction as AppendAction,
  HeaderValueOptionSchema,
} from '../gen/envoy/config/core/v3/base_pb.ts';
import type { ConfigSource } from '../gen/envoy/config/core/v3/config_source_pb.ts';
import {
  ApiConfigSource_ApiType,
  ApiVersion,
  ConfigSourceSchema,
} from '../gen/envoy/config/core/v3/config_source_pb.ts';
import type { Any } from '../gen/google/protobuf/any_pb.ts';
import { AnySchema } from '../gen/google/protobuf/any_pb.ts';
import type { Duration } from '../gen/google/protobuf/duration_pb.ts';
import { DurationSchema } from '../gen/google/protobuf/duration_pb.ts';
import { AGENT_CLUSTER } from '../naming.ts';
import { OWN_SECRET_WAIT_MS } from './settings.ts';

const MS_PER_S = 1_000;
const NS_PER_MS = 1_000_000;

export function durationOf(ms: number): Duration {
  const seconds = Math.floor(ms / MS_PER_S);
  return create(DurationSchema, { seconds: BigInt(seconds), nanos: Math.round((ms - seconds * MS_PER_S) * NS_PER_MS) });
}

export function packed<Desc extends DescMessage>(schema: Desc, init: MessageInitShape<Desc>): Any {
  return create(AnySchema, {
    typeUrl: `type.googleapis.com/${schema.typeName}`,
    value: toBinary(schema, create(schema, init)),
  });
}

export function extension<Desc extends DescMessage>(
  name: string,
  schema: Desc,
  init: MessageInitShape<Desc>,
): { name: string; typedConfig: Any } {
  return { name, typedConfig: packed(schema, init) };
}

/** As `extension`, for the messages that call the field a oneof. */
export function extensionChoice<Desc extends DescMessage>(
  name: string,
  schema: Desc,
  init: MessageInitShape<Desc>,
): { name: string; configType: { case: 'typedConfig'; value: Any } } {
  return { name, configType: { case: 'typedConfig', value: packed(schema, init) } };
}

/** By the stream that delivered the resource which refers to this. */
export function fromAds(): ConfigSource {
  return create(ConfigSourceSchema, {
    configSourceSpecifier: { case: 'ads', value: {} },
    resourceApiVersion: ApiVersion.V3,
  });
}

/** By the agent beside this Envoy: the only one that has the private key. */
export function fromAgent(): ConfigSource {
  return create(ConfigSourceSchema, {
    configSourceSpecifier: {
      case: 'apiConfigSource',
      value: {
        apiType: ApiConfigSource_ApiType.DELTA_GRPC,
        transportApiVersion: ApiVersion.V3,
        setNodeOnFirstMessageOnly: true,
        grpcServices: [{ targetSpecifier: { case: 'envoyGrpc', value: { clusterName: AGENT_CLUSTER } } }],
      },
    },
    initialFetchTimeout: durationOf(OWN_SECRET_WAIT_MS),
    resourceApiVersion: ApiVersion.V3,
  });
}

export function socketAddress(address: string, port: number): Address {
  return create(AddressSchema, {
    address: {
      case: 'socketAddress',
      value: { address, portSpecifier: { case: 'portValue', value: port } },
    },
  });
}

export function setHeader(key: string, value: string): HeaderValueOption {
  return create(HeaderValueOptionSchema, {
    header: { key, value },
    appendAction: AppendAction.OVERWRITE_IF_EXISTS_OR_ADD,
  });
}

export function removeHeader(name: string): HeaderMutation {
  return create(HeaderMutationSchema, { action: { case: 'remove', value: name } });
}

export function removeHeadersBelow(prefix: string): HeaderMutation {
  return create(HeaderMutationSchema, {
    action: { case: 'removeOnMatch', value: { keyMatcher: { matchPattern: { case: 'prefix', value: prefix } } } },
  });
}
