import { create } from '@bufbuild/protobuf';
import type {
  Cluster_CommonLbConfig,
  Cluster_TransportSocketMatch,
} from '../gen/envoy/config/cluster/v3/cluster_pb.ts';
import {
  Cluster_CommonLbConfig_LocalityWeightedLbConfigSchema,
  ClusterSchema,
} from '../gen/envoy/config/cluster/v3/cluster_pb.ts';
import { SocketOption_SocketState as SocketState } from '../gen/envoy/config/core/v3/socket_option_pb.ts';
import type { EgressIR, PeerIR } from '../ir.ts';
import { httpSni, tcpClusterName, tcpSni } from '../naming.ts';
import { TYPE_URL } from '../snapshot.ts';
import { baseCluster, commonLbConfig } from './cluster-settings.ts';
import type { TypedResource } from './encode.ts';
import { encodeResource } from './encode.ts';
import type { Frame } from './frame.ts';
import * as settings from './settings.ts';
import { peerMatch, rawSocket, socketMatch, upstreamTls } from './transport-sockets.ts';

const SOL_SOCKET = 1n;
const SO_SNDBUF = 7n;

/**
 * `tcp|NS/NAME:PORT`: own pods and the peers' gateways side by side, TLS chosen per endpoint. One mutual TLS connection per
 * connection, the service named in the SNI: inside HTTP CONNECT Envoy loses data (the tail of a reply, or a reply after
 * a half-close). No void here: `tcp_proxy` tries the next endpoint by itself.
 */
export function tcpCluster(frame: Frame, egress: EgressIR, peers: ReadonlyMap<string, PeerIR>): TypedResource {
  const name = tcpClusterName(egress.service);
  return encodeResource(TYPE_URL.cluster, name, ClusterSchema, {
    ...baseCluster(name, settings.TCP_CONNECT_TIMEOUT_MS, settings.TCP_EJECTION),
    commonLbConfig: weightedByLocality(),
    upstreamConnectionOptions: {
      tcpKeepalive: {
        keepaliveProbes: settings.KEEPALIVE_PROBES,
        keepaliveTime: settings.KEEPALIVE_IDLE_S,
        keepaliveInterval: settings.KEEPALIVE_PROBE_INTERVAL_S,
      },
    },
    upstreamBindConfig: {
      socketOptions: [
        {
          level: SOL_SOCKET,
          name: SO_SNDBUF,
          value: { case: 'intValue', value: BigInt(settings.SEND_BUFFER_BYTES) },
          state: SocketState.STATE_PREBIND,
        },
      ],
    },
    transportSocketMatches: [...peerSockets(frame, egress, peers), socketMatch('plain', {}, rawSocket())],
  });
}

function weightedByLocality(): Cluster_CommonLbConfig {
  const config = commonLbConfig(settings.TCP_EGRESS_PANIC_THRESHOLD_PERCENT);
  config.localityConfigSpecifier = {
    case: 'localityWeightedLbConfig',
    value: create(Cluster_CommonLbConfig_LocalityWeightedLbConfigSchema),
  };
  return config;
}

function peerSockets(
  frame: Frame,
  egress: EgressIR,
  peers: ReadonlyMap<string, PeerIR>,
): Cluster_TransportSocketMatch[] {
  return (egress.carriers ?? []).flatMap((cluster) => {
    const peer = peers.get(cluster);
    if (peer === undefined) return [];
    const sni = tcpSni(egress.service, httpSni(frame.cluster, cluster, frame.clustersetDomain));
    return [socketMatch(cluster, peerMatch(cluster), upstreamTls(peer, sni, settings.TCP_ALPN))];
  });
}
