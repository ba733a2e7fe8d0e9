import { ListenerSchema } from '../gen/envoy/config/listener/v3/listener_pb.ts';
import { TcpProxySchema } from '../gen/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.ts';
import type { EgressIR } from '../ir.ts';
import { egressName, tcpClusterName } from '../naming.ts';
import { TYPE_URL } from '../snapshot.ts';
import { egressTcpLog } from './access-log.ts';
import type { TypedResource } from './encode.ts';
import { encodeResource } from './encode.ts';
import type { Frame } from './frame.ts';
import { durationOf, extensionChoice, socketAddress } from './messages.ts';
import * as settings from './settings.ts';

/** `egress|NS/NAME:PORT` for TCP: one cluster holds own pods and peers' gateways, so that one attempt after the other finds its way. */
export function egressTcpListener(frame: Frame, egress: EgressIR): TypedResource {
  const name = egressName(egress.service);
  return encodeResource(TYPE_URL.listener, name, ListenerSchema, {
    name,
    address: socketAddress(egress.listen.address, egress.listen.port),
    filterChains: [
      {
        filters: [
          extensionChoice('tcp', TcpProxySchema, {
            statPrefix: egress.service,
            clusterSpecifier: { case: 'cluster', value: tcpClusterName(egress.service) },
            maxConnectAttempts: settings.TCP_CONNECT_ATTEMPTS_MAX,
            backoffOptions: {
              baseInterval: durationOf(settings.RETRY_BACK_OFF_BASE_MS),
              maxInterval: durationOf(settings.RETRY_BACK_OFF_MAX_MS),
            },
            idleTimeout: durationOf(settings.IDLE_TIMEOUT_MS),
            accessLog: [egressTcpLog(frame, egress)],
          }),
        ],
      },
    ],
  });
}
