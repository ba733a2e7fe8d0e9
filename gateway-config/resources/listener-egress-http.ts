import { ListenerSchema } from '../gen/envoy/config/listener/v3/listener_pb.ts';
import { RouterSchema } from '../gen/envoy/extensions/filters/http/router/v3/router_pb.ts';
import {
  HttpConnectionManager_CodecType as CodecType,
  HttpConnectionManager_ServerHeaderTransformation as ServerHeader,
  HttpConnectionManagerSchema,
} from '../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import type { EgressIR } from '../ir.ts';
import { egressName } from '../naming.ts';
import { TYPE_URL } from '../snapshot.ts';
import { egressHttpLog } from './access-log.ts';
import { egressEarlyHeaders } from './early-headers.ts';
import type { TypedResource } from './encode.ts';
import { encodeResource } from './encode.ts';
import type { Frame } from './frame.ts';
import { http2Server } from './http-options.ts';
import { durationOf, extensionChoice, fromAds, socketAddress } from './messages.ts';
import { IDLE_TIMEOUT_MS } from './settings.ts';

// The same in the listener of every service; encoding reads them only.
const EARLY_HEADERS = egressEarlyHeaders();
const HTTP2 = http2Server();
const IDLE_TIMEOUT = durationOf(IDLE_TIMEOUT_MS);
const FROM_ADS = fromAds();
const ROUTER = extensionChoice('router', RouterSchema, { suppressEnvoyHeaders: true });

/**
 * `egress|NS/NAME:PORT` for HTTP/1.1, h2c and gRPC alike: workloads speak what they like, the route is the same. All
 * that changes with endpoints, weights or order is in the route table, so the listener stays.
 */
export function egressHttpListener(frame: Frame, egress: EgressIR): TypedResource {
  const name = egressName(egress.service);
  return encodeResource(TYPE_URL.listener, name, ListenerSchema, {
    name,
    address: socketAddress(egress.listen.address, egress.listen.port),
    filterChains: [
      {
        filters: [
          extensionChoice('http', HttpConnectionManagerSchema, {
            statPrefix: 'egress',
            codecType: CodecType.AUTO,
            http2ProtocolOptions: HTTP2,
            serverHeaderTransformation: ServerHeader.PASS_THROUGH,
            generateRequestId: false,
            streamIdleTimeout: IDLE_TIMEOUT,
            earlyHeaderMutationExtensions: [EARLY_HEADERS],
            accessLog: [egressHttpLog(frame, egress)],
            routeSpecifier: { case: 'rds', value: { routeConfigName: name, configSource: FROM_ADS } },
            httpFilters: [ROUTER],
          }),
        ],
      },
    ],
  });
}
