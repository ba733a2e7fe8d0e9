import { create, type DescMessage, type MessageInitShape } from '@bufbuild/protobuf';
import { anyPack, durationFromMs } from '@bufbuild/protobuf/wkt';
import { Cluster_DiscoveryType, ClusterSchema } from '../gen/envoy/config/cluster/v3/cluster_pb.ts';
import type { AddressSchema } from '../gen/envoy/config/core/v3/address_pb.ts';
import { ApiVersion, ConfigSourceSchema } from '../gen/envoy/config/core/v3/config_source_pb.ts';
import type { LbEndpointSchema } from '../gen/envoy/config/endpoint/v3/endpoint_components_pb.ts';
import { ClusterLoadAssignmentSchema } from '../gen/envoy/config/endpoint/v3/endpoint_pb.ts';
import { ListenerSchema } from '../gen/envoy/config/listener/v3/listener_pb.ts';
import { RouteConfigurationSchema } from '../gen/envoy/config/route/v3/route_pb.ts';
import { RouterSchema } from '../gen/envoy/extensions/filters/http/router/v3/router_pb.ts';
import { HttpConnectionManagerSchema } from '../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import { TcpProxySchema } from '../gen/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.ts';
import { SecretSchema } from '../gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts';
import { DownstreamTlsContextSchema } from '../gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts';
import { encodeResource, type TypedResource } from '../resources/encode.ts';
import { fromAds, fromAgent } from '../resources/messages.ts';
import { type Resource, type Snapshot, TYPE_ORDER, TYPE_URL, type TypeUrl } from '../snapshot.ts';

/** Small resources for tests of delivery: what they do to traffic is tested where they are made. */
export function snapshotOf(...resources: readonly TypedResource[]): Snapshot {
  const types = new Map<TypeUrl, Map<string, Resource>>(TYPE_ORDER.map((type) => [type, new Map()]));
  for (const { type, resource } of resources) types.get(type)?.set(resource.name, resource);
  return { resources: types };
}

/** Replaces resources of the same type and name. */
export function withResources(snapshot: Snapshot, ...resources: readonly TypedResource[]): Snapshot {
  const types = new Map<TypeUrl, Map<string, Resource>>();
  for (const type of TYPE_ORDER) types.set(type, new Map(snapshot.resources.get(type)));
  for (const { type, resource } of resources) types.get(type)?.set(resource.name, resource);
  return { resources: types };
}

export function without(snapshot: Snapshot, type: TypeUrl, ...names: readonly string[]): Snapshot {
  const types = new Map(snapshot.resources);
  const kept = new Map(types.get(type));
  for (const name of names) kept.delete(name);
  types.set(type, kept);
  return { resources: types };
}

export function adsSource(): MessageInitShape<typeof ConfigSourceSchema> {
  return create(ConfigSourceSchema, {
    configSourceSpecifier: { case: 'ads', value: {} },
    resourceApiVersion: ApiVersion.V3,
  });
}

export function edsCluster(name: string, connectTimeoutMs = 250): TypedResource {
  return encodeResource(TYPE_URL.cluster, name, ClusterSchema, {
    name,
    clusterDiscoveryType: { case: 'type', value: Cluster_DiscoveryType.EDS },
    connectTimeout: durationFromMs(connectTimeoutMs),
    edsClusterConfig: { edsConfig: adsSource() },
  });
}

/** Refused by Envoy: its connect time-out is negative. */
export function badCluster(name: string, badness = 1): TypedResource {
  return edsCluster(name, -badness);
}

export function endpoints(name: string, ...ports: readonly number[]): TypedResource {
  return encodeResource(TYPE_URL.endpoints, name, ClusterLoadAssignmentSchema, {
    clusterName: name,
    endpoints: [{ lbEndpoints: ports.map(lbEndpoint) }],
  });
}

function lbEndpoint(port: number): MessageInitShape<typeof LbEndpointSchema> {
  return { hostIdentifier: { case: 'endpoint', value: { address: tcp(port) } } };
}

function tcp(port: number): MessageInitShape<typeof AddressSchema> {
  return {
    address: {
      case: 'socketAddress',
      value: { address: '127.0.0.1', portSpecifier: { case: 'portValue', value: port } },
    },
  };
}

export function tcpListener(name: string, port: number, cluster: string): TypedResource {
  const proxy = create(TcpProxySchema, { statPrefix: name, clusterSpecifier: { case: 'cluster', value: cluster } });
  return encodeResource(TYPE_URL.listener, name, ListenerSchema, {
    name,
    address: tcp(port),
    filterChains: [{ filters: [filter(TcpProxySchema, proxy)] }],
  });
}

/** A TCP listener that shows the gateway's own certificate, and checks that of clients against an anchor from ADS. */
export function tlsListener(name: string, port: number, cluster: string, anchorName?: string): TypedResource {
  const proxy = create(TcpProxySchema, { statPrefix: name, clusterSpecifier: { case: 'cluster', value: cluster } });
  const context = create(DownstreamTlsContextSchema, {
    commonTlsContext: {
      tlsCertificateSdsSecretConfigs: [{ name: 'own', sdsConfig: fromAgent() }],
      validationContextType:
        anchorName === undefined
          ? { case: undefined }
          : { case: 'validationContextSdsSecretConfig', value: { name: anchorName, sdsConfig: fromAds() } },
    },
  });
  return encodeResource(TYPE_URL.listener, name, ListenerSchema, {
    name,
    address: tcp(port),
    filterChains: [
      {
        filters: [filter(TcpProxySchema, proxy)],
        transportSocket: {
          name: 'tls',
          configType: { case: 'typedConfig', value: anyPack(DownstreamTlsContextSchema, context) },
        },
      },
    ],
  });
}

export function httpListener(name: string, port: number, routes = name): TypedResource {
  const hcm = create(HttpConnectionManagerSchema, {
    statPrefix: name,
    routeSpecifier: { case: 'rds', value: { configSource: adsSource(), routeConfigName: routes } },
    httpFilters: [filter(RouterSchema, create(RouterSchema))],
  });
  return encodeResource(TYPE_URL.listener, name, ListenerSchema, {
    name,
    address: tcp(port),
    filterChains: [{ filters: [filter(HttpConnectionManagerSchema, hcm)] }],
  });
}

/** Every request goes to one cluster; or is answered with a status, when a number is given. */
export function route(name: string, to: string | number): TypedResource {
  return encodeResource(TYPE_URL.route, name, RouteConfigurationSchema, {
    name,
    virtualHosts: [
      {
        name: 'all',
        domains: ['*'],
        routes: [
          {
            match: { pathSpecifier: { case: 'prefix', value: '/' } },
            action:
              typeof to === 'number'
                ? { case: 'directResponse', value: { status: to } }
                : { case: 'route', value: { clusterSpecifier: { case: 'cluster', value: to } } },
          },
        ],
      },
    ],
  });
}

/** Refused by Envoy: a route table without an address to bind is fine, a listener without one is not. */
export function badListener(name: string): TypedResource {
  return encodeResource(TYPE_URL.listener, name, ListenerSchema, { name });
}

export function anchor(name: string, pem: string): TypedResource {
  return encodeResource(TYPE_URL.secret, name, SecretSchema, {
    name,
    type: {
      case: 'validationContext',
      value: { trustedCa: { specifier: { case: 'inlineString', value: pem } } },
    },
  });
}

function filter<Desc extends DescMessage>(schema: Desc, message: Parameters<typeof anyPack<Desc>>[1]) {
  return { name: schema.name, configType: { case: 'typedConfig' as const, value: anyPack(schema, message) } };
}
