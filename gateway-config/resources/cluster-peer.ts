import type { HealthCheck } from '../gen/envoy/config/core/v3/health_check_pb.ts';
import { HealthCheckSchema } from '../gen/envoy/config/core/v3/health_check_pb.ts';
import { ClusterSchema } from '../gen/envoy/config/cluster/v3/cluster_pb.ts';
import { CodecClientType } from '../gen/envoy/type/v3/http_pb.ts';
import { create } from '@bufbuild/protobuf';
import type { PeerIR } from '../ir.ts';
import { HEALTH_PATH, httpSni, peerClusterName } from '../naming.ts';
import { TYPE_URL } from '../snapshot.ts';
import { baseCluster, metadataOf, placeMetadata } from './cluster-settings.ts';
import type { TypedResource } from './encode.ts';
import { encodeResource } from './encode.ts';
import type { Frame } from './frame.ts';
import { httpOptions, peerHttp } from './http-options.ts';
import { durationOf } from './messages.ts';
import * as settings from './settings.ts';
import { socketMatch, upstreamTls, voidSocketMatch } from './transport-sockets.ts';

/**
 * `peer|CLUSTER`: the gateways of one peer, then void. Shared by all HTTP services, so connections, handshakes and
 * checks do not multiply by services. There for every peer, also for one without gateways: routes come and go sooner.
 */
export function peerCluster(frame: Frame, peer: PeerIR): TypedResource {
  const name = peerClusterName(peer.cluster);
  const sni = httpSni(frame.cluster, peer.cluster, frame.clustersetDomain);
  return encodeResource(TYPE_URL.cluster, name, ClusterSchema, {
    ...baseCluster(name, settings.PEER_CONNECT_TIMEOUT_MS, settings.PEER_EJECTION),
    metadata: metadataOf(placeMetadata(peer.cluster, peer.network)),
    closeConnectionsOnHostHealthFailure: settings.CLOSE_CONNECTIONS_ON_HEALTH_FAILURE,
    healthChecks: [healthCheck(sni)],
    transportSocketMatches: [voidSocketMatch(), socketMatch('tls', {}, upstreamTls(peer, sni, settings.HTTP_ALPN))],
    typedExtensionProtocolOptions: httpOptions(peerHttp(), {}),
  });
}

/** With the host given: by default the cluster's name would be the authority, and `|` breaks HTTP/2. */
function healthCheck(host: string): HealthCheck {
  return create(HealthCheckSchema, {
    interval: durationOf(settings.PEER_CHECK_INTERVAL_MS),
    noTrafficInterval: durationOf(settings.PEER_CHECK_INTERVAL_MS),
    unhealthyInterval: durationOf(settings.PEER_CHECK_UNHEALTHY_INTERVAL_MS),
    timeout: durationOf(settings.PEER_CHECK_TIMEOUT_MS),
    unhealthyThreshold: settings.PEER_CHECK_UNHEALTHY_THRESHOLD,
    healthyThreshold: settings.CHECK_HEALTHY_THRESHOLD,
    healthChecker: {
      case: 'httpHealthCheck',
      value: { host, path: HEALTH_PATH, codecClientType: CodecClientType.HTTP2 },
    },
  });
}
