import { create, createRegistry, type JsonObject, type MessageInitShape, toJson } from '@bufbuild/protobuf';
import { anyPack, durationFromMs } from '@bufbuild/protobuf/wkt';
import type { VoidToken } from '../ir.ts';
import { AGENT_CLUSTER, HEADER, VOID_LISTENER } from '../naming.ts';
import {
  type Bootstrap_DynamicResourcesSchema,
  type Bootstrap_StaticResourcesSchema,
  BootstrapSchema,
} from '../gen/envoy/config/bootstrap/v3/bootstrap_pb.ts';
import { Cluster_DiscoveryType, type ClusterSchema } from '../gen/envoy/config/cluster/v3/cluster_pb.ts';
import type { AddressSchema } from '../gen/envoy/config/core/v3/address_pb.ts';
import { HeaderValueOption_HeaderAppendAction } from '../gen/envoy/config/core/v3/base_pb.ts';
import {
  AggregatedConfigSourceSchema,
  ApiConfigSource_ApiType,
  ApiVersion,
  type ConfigSourceSchema,
} from '../gen/envoy/config/core/v3/config_source_pb.ts';
import type { ListenerSchema } from '../gen/envoy/config/listener/v3/listener_pb.ts';
import type { TagSpecifierSchema } from '../gen/envoy/config/metrics/v3/stats_pb.ts';
import type { RouteConfigurationSchema } from '../gen/envoy/config/route/v3/route_pb.ts';
import { InternalListenerSchema } from '../gen/envoy/extensions/bootstrap/internal_listener/v3/internal_listener_pb.ts';
import { RouterSchema } from '../gen/envoy/extensions/filters/http/router/v3/router_pb.ts';
import {
  HttpConnectionManager_CodecType,
  HttpConnectionManager_ServerHeaderTransformation,
  HttpConnectionManagerSchema,
} from '../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import { HttpProtocolOptionsSchema } from '../gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.ts';

/**
 * What Envoy knows before it has spoken to anyone: who it is, where its agent listens, and the `void` listener, which
 * must exist before the first cluster (a missing one would be ejected, and "no healthy host" would be final).
 */
export interface BootstrapInput {
  /** Node id: the gateway instance. */
  readonly gateway: string;
  readonly cluster: string;
  readonly gatewaySet: string;
  readonly network: string;
  readonly region?: string | undefined;
  readonly zone?: string | undefined;
  readonly agentSocket: string;
  readonly adminSocket: string;
  readonly voidToken: VoidToken;
  /** Default `HEAP_BYTES_DEFAULT`. */
  readonly heapBytes?: number | undefined;
}

/** 1,000 services in both directions take 311 MB after use; the rest is for connections and buffers. */
export const HEAP_BYTES_DEFAULT = 2 * 1024 ** 3;
const CONNECT_TIMEOUT_MS = 1_000;
/** A lost agent or controller is back within a second; Envoy's own default waits up to 30 s. */
const RECONNECT_BACK_OFF_MS = { base: 100, max: 1_000 };
const ADMIN_SOCKET_MODE = 0o600;
/** Far above what one gateway serves (file descriptors end first on most hosts): a bound, so that there is one. */
const DOWNSTREAM_CONNECTIONS_MAX = 100_000;
/** Shares of the heap. First give back what is free, then refuse new requests, then new connections. */
const OVERLOAD_AT = { shrink: 0.85, requests: 0.95, connections: 0.98 };

/**
 * All HTTP services of a peer share one session. Envoy ends a session of more than 500 streams when most of them were
 * reset early: some 350 impatient callers of one service would cut off all others (measured: a POST beside them got
 * 503). A caller here is an authenticated gateway, so the guard is put out of reach; `stream_reset_burst` does not
 * cover it.
 */
const STATIC_RUNTIME = { overload: { premature_reset_total_stream_count: 1_000_000_000 } };

const ANY_TYPES = createRegistry(
  InternalListenerSchema,
  HttpConnectionManagerSchema,
  RouterSchema,
  HttpProtocolOptionsSchema,
);

/** Envoy's bootstrap as JSON. It holds the void token: write it to a 0600 file only. */
export function bootstrapJson(input: BootstrapInput): string {
  const message = create(BootstrapSchema, {
    node: {
      id: input.gateway,
      cluster: input.cluster,
      locality: { region: input.region ?? '', zone: input.zone ?? '' },
      metadata: { network: input.network, gatewaySet: input.gatewaySet },
    },
    admin: {
      address: { address: { case: 'pipe', value: { path: input.adminSocket, mode: ADMIN_SOCKET_MODE } } },
    },
    bootstrapExtensions: [
      { name: 'internal_listener', typedConfig: anyPack(InternalListenerSchema, create(InternalListenerSchema)) },
    ],
    deferredStatOptions: { enableDeferredCreationStats: true },
    statsConfig: { statsTags: STATS_TAGS },
    staticResources: staticResources(input),
    dynamicResources: dynamicResources(),
  });
  const json = toJson(BootstrapSchema, message, { registry: ANY_TYPES }) as JsonObject; // a message is an object
  return JSON.stringify({
    ...json,
    overloadManager: overloadManager(input.heapBytes ?? HEAP_BYTES_DEFAULT),
    layeredRuntime: { layers: [{ name: 'static', staticLayer: STATIC_RUNTIME }] },
  });
}

function staticResources(input: BootstrapInput): MessageInitShape<typeof Bootstrap_StaticResourcesSchema> {
  return { clusters: [agentCluster(input.agentSocket)], listeners: [voidListener(input.voidToken)] };
}

function agentCluster(socketPath: string): MessageInitShape<typeof ClusterSchema> {
  const address: MessageInitShape<typeof AddressSchema> = { address: { case: 'pipe', value: { path: socketPath } } };
  return {
    name: AGENT_CLUSTER,
    clusterDiscoveryType: { case: 'type', value: Cluster_DiscoveryType.STATIC },
    connectTimeout: durationFromMs(CONNECT_TIMEOUT_MS),
    loadAssignment: {
      clusterName: AGENT_CLUSTER,
      endpoints: [{ lbEndpoints: [{ hostIdentifier: { case: 'endpoint', value: { address } } }] }],
    },
    typedExtensionProtocolOptions: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': anyPack(
        HttpProtocolOptionsSchema,
        create(HttpProtocolOptionsSchema, {
          upstreamProtocolOptions: {
            case: 'explicitHttpConfig',
            value: { protocolConfig: { case: 'http2ProtocolOptions', value: {} } },
          },
        }),
      ),
    },
  };
}

function voidListener(token: VoidToken): MessageInitShape<typeof ListenerSchema> {
  const hcm = create(HttpConnectionManagerSchema, {
    statPrefix: VOID_LISTENER,
    // HTTP/1.1 from `local|`, HTTP/2 from `peer|`.
    codecType: HttpConnectionManager_CodecType.AUTO,
    serverHeaderTransformation: HttpConnectionManager_ServerHeaderTransformation.PASS_THROUGH,
    generateRequestId: false,
    routeSpecifier: { case: 'routeConfig', value: voidRoutes(token) },
    httpFilters: [
      { name: 'router', configType: { case: 'typedConfig', value: anyPack(RouterSchema, create(RouterSchema)) } },
    ],
  });
  const typedConfig = anyPack(HttpConnectionManagerSchema, hcm);
  return {
    name: VOID_LISTENER,
    listenerSpecifier: { case: 'internalListener', value: {} },
    filterChains: [{ filters: [{ name: 'hcm', configType: { case: 'typedConfig', value: typedConfig } }] }],
  };
}

function voidRoutes(token: VoidToken): MessageInitShape<typeof RouteConfigurationSchema> {
  return {
    name: VOID_LISTENER,
    virtualHosts: [
      {
        name: VOID_LISTENER,
        domains: ['*'],
        routes: [
          {
            match: { pathSpecifier: { case: 'prefix', value: '/' } },
            action: { case: 'directResponse', value: { status: 503 } },
            responseHeadersToAdd: [
              {
                header: { key: HEADER.void, value: token.reveal() },
                appendAction: HeaderValueOption_HeaderAppendAction.OVERWRITE_IF_EXISTS_OR_ADD,
              },
            ],
          },
        ],
      },
    ],
  };
}

/**
 * Clusters and listeners wait for their first answer without a limit: an Envoy that has heard nothing is not live, and
 * must not become so with nothing in it.
 */
function dynamicResources(): MessageInitShape<typeof Bootstrap_DynamicResourcesSchema> {
  const overAds: MessageInitShape<typeof ConfigSourceSchema> = {
    configSourceSpecifier: { case: 'ads', value: create(AggregatedConfigSourceSchema) },
    resourceApiVersion: ApiVersion.V3,
    initialFetchTimeout: durationFromMs(0),
  };
  return {
    adsConfig: {
      apiType: ApiConfigSource_ApiType.DELTA_GRPC,
      transportApiVersion: ApiVersion.V3,
      // The node lists 516 extensions.
      setNodeOnFirstMessageOnly: true,
      grpcServices: [
        {
          targetSpecifier: {
            case: 'envoyGrpc',
            value: {
              clusterName: AGENT_CLUSTER,
              retryPolicy: {
                retryBackOff: {
                  baseInterval: durationFromMs(RECONNECT_BACK_OFF_MS.base),
                  maxInterval: durationFromMs(RECONNECT_BACK_OFF_MS.max),
                },
              },
            },
          },
        },
      ],
    },
    ldsConfig: overAds,
    cdsConfig: overAds,
  };
}

/** `peer|b`, `local|NS/NAME:PORT` and their like become labels, so that no metric name grows with services. */
const STATS_TAGS: MessageInitShape<typeof TagSpecifierSchema>[] = [
  { tagName: 'isthmus_peer', tagValue: { case: 'regex', value: '^cluster\\.peer(\\|([a-z0-9-]+))\\.' } },
  {
    tagName: 'isthmus_service',
    tagValue: { case: 'regex', value: '^cluster\\.(?:local|export|tcp)(\\|([a-z0-9-]+/[a-z0-9-]+[:_][0-9]+))\\.' },
  },
];

/** As JSON, because the monitors' messages are not among the generated ones and only one field of each is needed. */
function overloadManager(heapBytes: number): JsonObject {
  const heap = 'envoy.resource_monitors.fixed_heap';
  const at = (value: number): JsonObject[] => [{ name: heap, threshold: { value } }];
  return {
    refreshInterval: '0.25s',
    resourceMonitors: [
      monitor(heap, 'fixed_heap.v3.FixedHeapConfig', { maxHeapSizeBytes: String(heapBytes) }),
      monitor(
        'envoy.resource_monitors.global_downstream_max_connections',
        'downstream_connections.v3.DownstreamConnectionsConfig',
        { maxActiveDownstreamConnections: String(DOWNSTREAM_CONNECTIONS_MAX) },
      ),
    ],
    actions: [
      { name: 'envoy.overload_actions.shrink_heap', triggers: at(OVERLOAD_AT.shrink) },
      { name: 'envoy.overload_actions.stop_accepting_requests', triggers: at(OVERLOAD_AT.requests) },
      { name: 'envoy.overload_actions.stop_accepting_connections', triggers: at(OVERLOAD_AT.connections) },
    ],
  };
}

function monitor(name: string, message: string, config: JsonObject): JsonObject {
  const type = `type.googleapis.com/envoy.extensions.resource_monitors.${message}`;
  return { name, typedConfig: { '@type': type, ...config } };
}
