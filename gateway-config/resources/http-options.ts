/** HTTP towards pods and between gateways. */
import type { MessageInitShape } from '@bufbuild/protobuf';
import { create } from '@bufbuild/protobuf';
import type { HeaderMutation } from '../gen/envoy/config/common/mutation_rules/v3/mutation_rules_pb.ts';
import type { Http2ProtocolOptions } from '../gen/envoy/config/core/v3/protocol_pb.ts';
import { Http2ProtocolOptionsSchema, KeepaliveSettingsSchema } from '../gen/envoy/config/core/v3/protocol_pb.ts';
import { HeaderMutationSchema } from '../gen/envoy/extensions/filters/http/header_mutation/v3/header_mutation_pb.ts';
import { UpstreamCodecSchema } from '../gen/envoy/extensions/filters/http/upstream_codec/v3/upstream_codec_pb.ts';
import type { HttpProtocolOptions_ExplicitHttpConfig as ExplicitHttpConfig } from '../gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.ts';
import {
  HttpProtocolOptions_ExplicitHttpConfigSchema,
  HttpProtocolOptionsSchema,
} from '../gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.ts';
import type { Any } from '../gen/google/protobuf/any_pb.ts';
import type { EgressProtocol } from '../ir.ts';
import { durationOf, extensionChoice, packed } from './messages.ts';
import * as settings from './settings.ts';

const HTTP_OPTIONS = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';

export interface HeaderChanges {
  readonly request?: readonly HeaderMutation[];
  readonly response?: readonly HeaderMutation[];
}

/** For `typed_extension_protocol_options`. Upstream filters run for every attempt, right before and after the wire. */
export function httpOptions(config: ExplicitHttpConfig, changes: HeaderChanges): Record<string, Any> {
  const init: MessageInitShape<typeof HttpProtocolOptionsSchema> = {
    upstreamProtocolOptions: { case: 'explicitHttpConfig', value: config },
    httpFilters: isEmpty(changes)
      ? []
      : [
          extensionChoice('header_mutation', HeaderMutationSchema, {
            mutations: {
              requestMutations: [...(changes.request ?? [])],
              responseMutations: [...(changes.response ?? [])],
            },
          }),
          extensionChoice('upstream_codec', UpstreamCodecSchema, {}),
        ],
  };
  return { [HTTP_OPTIONS]: packed(HttpProtocolOptionsSchema, init) };
}

function isEmpty(changes: HeaderChanges): boolean {
  return (changes.request ?? []).length + (changes.response ?? []).length === 0;
}

/** What a pod speaks: HTTP/1.1, or HTTP/2 with prior knowledge (h2c and gRPC), trailers included. */
export function podHttp(protocol: EgressProtocol): ExplicitHttpConfig {
  return create(HttpProtocolOptions_ExplicitHttpConfigSchema, {
    protocolConfig:
      protocol === 'http'
        ? { case: 'httpProtocolOptions', value: {} }
        : { case: 'http2ProtocolOptions', value: http2Windows() },
  });
}

export function peerHttp(): ExplicitHttpConfig {
  const options = http2Windows();
  options.connectionKeepalive = create(KeepaliveSettingsSchema, {
    interval: durationOf(settings.KEEPALIVE_INTERVAL_MS),
    timeout: durationOf(settings.KEEPALIVE_TIMEOUT_MS),
  });
  return create(HttpProtocolOptions_ExplicitHttpConfigSchema, {
    protocolConfig: { case: 'http2ProtocolOptions', value: options },
  });
}

/** Of a listener: resets do not end the session. */
export function http2Server(): Http2ProtocolOptions {
  const options = http2Windows();
  options.streamResetBurst = settings.STREAM_RESET_BURST;
  options.streamResetRate = settings.STREAM_RESET_RATE;
  return options;
}

function http2Windows(): Http2ProtocolOptions {
  return create(Http2ProtocolOptionsSchema, {
    maxConcurrentStreams: settings.CONCURRENT_STREAMS_MAX,
    initialStreamWindowSize: settings.STREAM_WINDOW_BYTES,
    initialConnectionWindowSize: settings.CONNECTION_WINDOW_BYTES,
  });
}
