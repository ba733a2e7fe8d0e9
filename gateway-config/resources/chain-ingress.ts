/** The two filter chains of one calling peer. Chosen by SNI, anchored in that peer's CA, one exact identity each. */
import { create } from '@bufbuild/protobuf';
import type { FilterChain } from '../gen/envoy/config/listener/v3/listener_components_pb.ts';
import { FilterChainSchema } from '../gen/envoy/config/listener/v3/listener_components_pb.ts';
import { RouterSchema } from '../gen/envoy/extensions/filters/http/router/v3/router_pb.ts';
import {
  HttpConnectionManager_CodecType as CodecType,
  HttpConnectionManager_ServerHeaderTransformation as ServerHeader,
  HttpConnectionManagerSchema,
} from '../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import { ConfigSchema as SetFilterStateSchema } from '../gen/envoy/extensions/filters/network/set_filter_state/v3/set_filter_state_pb.ts';
import { TcpProxySchema } from '../gen/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.ts';
import type { PeerIR } from '../ir.ts';
import { INGRESS_LISTENER, ingressRouteName } from '../naming.ts';
import { ingressHttpLog, ingressTcpLog } from './access-log.ts';
import { ingressEarlyHeaders } from './early-headers.ts';
import type { Frame } from './frame.ts';
import { http2Server } from './http-options.ts';
import { localReplies } from './local-replies.ts';
import { durationOf, extensionChoice, fromAds } from './messages.ts';
import * as settings from './settings.ts';
import { downstreamTls } from './transport-sockets.ts';

/** Length of the TCP key at the beginning of the SNI. `%REQUESTED_SERVER_NAME:32%` is refused by Envoy, this form is not. */
const CLUSTER_FROM_SNI = '%CEL(connection.requested_server_name):32%';

export function httpChainName(peer: PeerIR): string {
  return `http-${peer.cluster}`;
}

export function tcpChainName(peer: PeerIR): string {
  return `tcp-${peer.cluster}`;
}

export function httpChain(frame: Frame, peer: PeerIR): FilterChain {
  const http2ProtocolOptions = http2Server();
  http2ProtocolOptions.allowConnect = true;
  return create(FilterChainSchema, {
    name: httpChainName(peer),
    transportSocketConnectTimeout: durationOf(settings.HANDSHAKE_TIMEOUT_MS),
    transportSocket: downstreamTls(peer, settings.HTTP_ALPN),
    filters: [
      extensionChoice('http', HttpConnectionManagerSchema, {
        statPrefix: ingressRouteName(peer.cluster),
        codecType: CodecType.HTTP2,
        http2ProtocolOptions,
        serverHeaderTransformation: ServerHeader.PASS_THROUGH,
        generateRequestId: false,
        // The caller's gateway times idle streams; two clocks would race.
        streamIdleTimeout: durationOf(0),
        earlyHeaderMutationExtensions: [ingressEarlyHeaders()],
        localReplyConfig: localReplies(),
        accessLog: [ingressHttpLog(frame, peer.cluster, peer.network)],
        routeSpecifier: {
          case: 'rds',
          value: { routeConfigName: ingressRouteName(peer.cluster), configSource: fromAds() },
        },
        httpFilters: [extensionChoice('router', RouterSchema, { suppressEnvoyHeaders: true })],
      }),
    ],
  });
}

/**
 * All TCP services of a caller: the SNI names the cluster. Pods are dialled before the caller's certificate is judged:
 * asked later, the importer would take an accepted connection for an answered one and lose it (1,049 of 1,800).
 */
export function tcpChain(frame: Frame, peer: PeerIR): FilterChain {
  return create(FilterChainSchema, {
    name: tcpChainName(peer),
    transportSocketConnectTimeout: durationOf(settings.HANDSHAKE_TIMEOUT_MS),
    transportSocket: downstreamTls(peer, settings.TCP_ALPN),
    filters: [
      extensionChoice('set_filter_state', SetFilterStateSchema, {
        onNewConnection: [
          {
            key: { case: 'objectKey', value: 'envoy.tcp_proxy.cluster' },
            value: {
              case: 'formatString',
              value: {
                format: {
                  case: 'textFormatSource',
                  value: { specifier: { case: 'inlineString', value: CLUSTER_FROM_SNI } },
                },
              },
            },
          },
        ],
      }),
      extensionChoice('tcp', TcpProxySchema, {
        statPrefix: ingressRouteName(peer.cluster),
        // Always replaced by the filter state.
        clusterSpecifier: { case: 'cluster', value: `${INGRESS_LISTENER}-none` },
        maxConnectAttempts: settings.TCP_INGRESS_CONNECT_ATTEMPTS_MAX,
        idleTimeout: durationOf(settings.IDLE_TIMEOUT_MS),
        accessLog: [ingressTcpLog(frame, peer.cluster, peer.network)],
      }),
    ],
  });
}
