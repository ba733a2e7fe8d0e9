/** Every message that appears in our resources, so that an `Any` can be shown as what it holds. */
import type { DescMessage } from '@bufbuild/protobuf';
import { createRegistry } from '@bufbuild/protobuf';
import { StringValueSchema } from '@bufbuild/protobuf/wkt';
import { ClusterSchema } from '../gen/envoy/config/cluster/v3/cluster_pb.ts';
import { ClusterLoadAssignmentSchema } from '../gen/envoy/config/endpoint/v3/endpoint_pb.ts';
import { ListenerSchema } from '../gen/envoy/config/listener/v3/listener_pb.ts';
import { RouteSchema } from '../gen/envoy/config/route/v3/route_components_pb.ts';
import { RouteConfigurationSchema } from '../gen/envoy/config/route/v3/route_pb.ts';
import { StdoutAccessLogSchema } from '../gen/envoy/extensions/access_loggers/stream/v3/stream_pb.ts';
import { HeaderMutationSchema } from '../gen/envoy/extensions/filters/http/header_mutation/v3/header_mutation_pb.ts';
import { RouterSchema } from '../gen/envoy/extensions/filters/http/router/v3/router_pb.ts';
import { UpstreamCodecSchema } from '../gen/envoy/extensions/filters/http/upstream_codec/v3/upstream_codec_pb.ts';
import { TlsInspectorSchema } from '../gen/envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector_pb.ts';
import { HttpConnectionManagerSchema } from '../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import { ConfigSchema as SetFilterStateSchema } from '../gen/envoy/extensions/filters/network/set_filter_state/v3/set_filter_state_pb.ts';
import { TcpProxySchema } from '../gen/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.ts';
import { HeaderMutationSchema as EarlyHeaderMutationSchema } from '../gen/envoy/extensions/http/early_header_mutation/header_mutation/v3/header_mutation_pb.ts';
import { ServerNameInputSchema } from '../gen/envoy/extensions/matching/common_inputs/network/v3/network_inputs_pb.ts';
import { PreviousHostsPredicateSchema } from '../gen/envoy/extensions/retry/host/previous_hosts/v3/previous_hosts_pb.ts';
import { PriorityGroupClusterSpecifierSchema } from '../gen/envoy/extensions/router/cluster_specifiers/priority_group/v3/priority_group_pb.ts';
import { InternalUpstreamTransportSchema } from '../gen/envoy/extensions/transport_sockets/internal_upstream/v3/internal_upstream_pb.ts';
import { RawBufferSchema } from '../gen/envoy/extensions/transport_sockets/raw_buffer/v3/raw_buffer_pb.ts';
import { SecretSchema } from '../gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts';
import {
  DownstreamTlsContextSchema,
  UpstreamTlsContextSchema,
} from '../gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts';
import { HttpProtocolOptionsSchema } from '../gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.ts';
import { HttpRequestHeaderMatchInputSchema } from '../gen/envoy/type/matcher/v3/http_inputs_pb.ts';
import type { TypeUrl } from '../snapshot.ts';
import { TYPE_URL } from '../snapshot.ts';

export const SCHEMA_OF: Readonly<Record<TypeUrl, DescMessage>> = {
  [TYPE_URL.cluster]: ClusterSchema,
  [TYPE_URL.endpoints]: ClusterLoadAssignmentSchema,
  [TYPE_URL.listener]: ListenerSchema,
  [TYPE_URL.route]: RouteConfigurationSchema,
  [TYPE_URL.secret]: SecretSchema,
};

export const ANY_TYPES = createRegistry(
  DownstreamTlsContextSchema,
  EarlyHeaderMutationSchema,
  HeaderMutationSchema,
  HttpConnectionManagerSchema,
  HttpProtocolOptionsSchema,
  HttpRequestHeaderMatchInputSchema,
  InternalUpstreamTransportSchema,
  PreviousHostsPredicateSchema,
  PriorityGroupClusterSpecifierSchema,
  RawBufferSchema,
  RouterSchema,
  RouteSchema,
  ServerNameInputSchema,
  SetFilterStateSchema,
  StdoutAccessLogSchema,
  StringValueSchema,
  TcpProxySchema,
  TlsInspectorSchema,
  UpstreamCodecSchema,
  UpstreamTlsContextSchema,
);
