/** One ClusterLoadAssignment per cluster, under the cluster's own name. */
import type { MessageInitShape } from '@bufbuild/protobuf';
import { create } from '@bufbuild/protobuf';
import type { LbEndpoint, LocalityLbEndpointsSchema } from '../gen/envoy/config/endpoint/v3/endpoint_components_pb.ts';
import { LbEndpointSchema } from '../gen/envoy/config/endpoint/v3/endpoint_components_pb.ts';
import { ClusterLoadAssignmentSchema } from '../gen/envoy/config/endpoint/v3/endpoint_pb.ts';
import type { EgressIR, EndpointIR, ExportIR, PeerIR, WeightedPeer } from '../ir.ts';
import { localClusterName, peerClusterName, tcpClusterName, VOID_LISTENER } from '../naming.ts';
import { TYPE_URL } from '../snapshot.ts';
import { exportedClusterName } from './cluster-export.ts';
import { metadataOf, placeMetadata } from './cluster-settings.ts';
import type { TypedResource } from './encode.ts';
import { encodeResource } from './encode.ts';
import type { Frame } from './frame.ts';
import { socketAddress } from './messages.ts';
import { localAfter } from './route-clusters.ts';
import { OVERPROVISIONING_FACTOR } from './settings.ts';
import { peerMatch, SOCKET_MATCH, VOID_MATCH } from './transport-sockets.ts';

type Locality = MessageInitShape<typeof LocalityLbEndpointsSchema>;

export function localEndpoints(egress: EgressIR): TypedResource {
  return assignment(localClusterName(egress.service), [
    { priority: 0, lbEndpoints: egress.local.map(plainEndpoint) },
    voidLocality('local'),
  ]);
}

export function peerEndpoints(peer: PeerIR): TypedResource {
  return assignment(peerClusterName(peer.cluster), [
    { priority: 0, lbEndpoints: peer.gateways.map((gateway) => weightedEndpoint(gateway)) },
    voidLocality(peer.cluster),
  ]);
}

export function exportEndpoints(item: ExportIR): TypedResource {
  return assignment(exportedClusterName(item), [{ lbEndpoints: item.endpoints.map(plainEndpoint) }]);
}

/** One priority per tier, the local pods one of their own; within a priority one locality per cluster, weighted. */
export function tcpEndpoints(frame: Frame, egress: EgressIR, peers: ReadonlyMap<string, PeerIR>): TypedResource {
  const own: Locality[] =
    egress.local.length === 0
      ? []
      : [
          locality(
            frame.cluster,
            1,
            egress.local.map((pod) => ownEndpoint(frame, pod)),
          ),
        ];
  const tiers = egress.tiers.map((tier) => tier.flatMap((member) => peerLocality(member, peers.get(member.cluster))));
  const priorities = tiers.toSpliced(localAfter(egress), 0, own).filter((localities) => localities.length > 0);
  return assignment(
    tcpClusterName(egress.service),
    priorities.flatMap((localities, priority) => localities.map((item) => ({ ...item, priority }))),
  );
}

function peerLocality(member: WeightedPeer, peer: PeerIR | undefined): Locality[] {
  if (peer === undefined || peer.gateways.length === 0) return [];
  const metadata = { [SOCKET_MATCH]: peerMatch(peer.cluster), ...placeMetadata(peer.cluster, peer.network) };
  const gateways = peer.gateways.map((gateway) => weightedEndpoint(gateway, metadata));
  return [locality(member.cluster, member.weight, gateways)];
}

function locality(cluster: string, weight: number, lbEndpoints: LbEndpoint[]): Locality {
  return { locality: { zone: cluster }, loadBalancingWeight: weight, lbEndpoints };
}

function plainEndpoint(endpoint: EndpointIR): LbEndpoint {
  return create(LbEndpointSchema, {
    hostIdentifier: {
      case: 'endpoint',
      value: { address: socketAddress(endpoint.address, endpoint.port) },
    },
  });
}

function ownEndpoint(frame: Frame, endpoint: EndpointIR): LbEndpoint {
  const made = plainEndpoint(endpoint);
  made.metadata = metadataOf(placeMetadata(frame.cluster, frame.network));
  return made;
}

function weightedEndpoint(
  gateway: PeerIR['gateways'][number],
  metadata?: Readonly<Record<string, Readonly<Record<string, string>>>>,
): LbEndpoint {
  const made = plainEndpoint(gateway);
  made.loadBalancingWeight = gateway.weight;
  if (metadata !== undefined) made.metadata = metadataOf(metadata);
  return made;
}

/** Never "no healthy host", which is final: the last endpoint answers 503 with a marker that is retried. */
function voidLocality(endpointId: string): Locality {
  return {
    priority: 1,
    lbEndpoints: [
      {
        hostIdentifier: {
          case: 'endpoint',
          value: {
            address: {
              address: {
                case: 'envoyInternalAddress',
                value: {
                  addressNameSpecifier: { case: 'serverListenerName', value: VOID_LISTENER },
                  endpointId,
                },
              },
            },
            healthCheckConfig: { disableActiveHealthCheck: true },
          },
        },
        metadata: metadataOf({ [SOCKET_MATCH]: VOID_MATCH }),
      },
    ],
  };
}

function assignment(clusterName: string, endpoints: Locality[]): TypedResource {
  return encodeResource(TYPE_URL.endpoints, clusterName, ClusterLoadAssignmentSchema, {
    clusterName,
    endpoints: endpoints.filter(({ lbEndpoints }) => (lbEndpoints ?? []).length > 0),
    policy: { overprovisioningFactor: OVERPROVISIONING_FACTOR },
  });
}
