/**
 * Access logs: one JSON object a line on standard output. Every line says source and destination cluster, network and
 * service. Paths are logged without their query, which may hold secrets.
 */
import type { AccessLog } from '../gen/envoy/config/accesslog/v3/accesslog_pb.ts';
import { AccessLogFilterSchema, AccessLogSchema } from '../gen/envoy/config/accesslog/v3/accesslog_pb.ts';
import type { HeaderMatcher } from '../gen/envoy/config/route/v3/route_components_pb.ts';
import { HeaderMatcherSchema } from '../gen/envoy/config/route/v3/route_components_pb.ts';
import { StdoutAccessLogSchema } from '../gen/envoy/extensions/access_loggers/stream/v3/stream_pb.ts';
import { create } from '@bufbuild/protobuf';
import type { ClusterId } from '../../federation/model/ids.ts';
import type { EgressIR } from '../ir.ts';
import { HEADER, HEALTH_PATH } from '../naming.ts';
import { METADATA } from './cluster-settings.ts';
import type { Frame } from './frame.ts';
import { extensionChoice } from './messages.ts';

const HTTP_FIELDS = {
  method: '%REQ(:METHOD)%',
  path: '%PATH(NQ:PATH)%',
  authority: '%REQ(:AUTHORITY)%',
  status: '%RESPONSE_CODE%',
  details: '%RESPONSE_CODE_DETAILS%',
} as const;

const COMMON_FIELDS = {
  time: '%START_TIME%',
  flags: '%RESPONSE_FLAGS%',
  received: '%BYTES_RECEIVED%',
  sent: '%BYTES_SENT%',
  duration_ms: '%DURATION%',
  upstream: '%UPSTREAM_HOST%',
  downstream: '%DOWNSTREAM_REMOTE_ADDRESS%',
} as const;

export function egressHttpLog(frame: Frame, egress: EgressIR): AccessLog {
  return stdout({
    log: 'egress',
    ...HTTP_FIELDS,
    ...COMMON_FIELDS,
    ...source(frame),
    attempts: '%UPSTREAM_REQUEST_ATTEMPT_COUNT%',
    destination_cluster: `%METADATA(CLUSTER:${METADATA}:cluster)%`,
    destination_network: `%METADATA(CLUSTER:${METADATA}:network)%`,
    destination_service: egress.service,
    envoy_cluster: '%UPSTREAM_CLUSTER%',
  });
}

export function egressTcpLog(frame: Frame, egress: EgressIR): AccessLog {
  return stdout({
    log: 'egress',
    ...COMMON_FIELDS,
    ...source(frame),
    attempts: '%UPSTREAM_REQUEST_ATTEMPT_COUNT%',
    destination_cluster: `%METADATA(UPSTREAM_HOST:${METADATA}:cluster)%`,
    destination_network: `%METADATA(UPSTREAM_HOST:${METADATA}:network)%`,
    destination_service: egress.service,
    upstream_failure: '%UPSTREAM_TRANSPORT_FAILURE_REASON%',
  });
}

/** Without the health checks of the peers: one a second and peer, and nothing to learn from. */
export function ingressHttpLog(frame: Frame, caller: ClusterId, callerNetwork: string | undefined): AccessLog {
  const log = stdout({
    log: 'ingress',
    ...HTTP_FIELDS,
    ...COMMON_FIELDS,
    ...ingress(frame, caller, callerNetwork),
    destination_service: '%ROUTE_NAME%',
    requested_service: `%REQ(${HEADER.service})%`,
    reply: `%RESP(${HEADER.reply})%`,
    reason: `%RESP(${HEADER.reason})%`,
  });
  log.filter = create(AccessLogFilterSchema, {
    filterSpecifier: { case: 'headerFilter', value: { header: notHealth() } },
  });
  return log;
}

function notHealth(): HeaderMatcher {
  return create(HeaderMatcherSchema, {
    name: ':path',
    headerMatchSpecifier: { case: 'stringMatch', value: { matchPattern: { case: 'exact', value: HEALTH_PATH } } },
    invertMatch: true,
  });
}

export function ingressTcpLog(frame: Frame, caller: ClusterId, callerNetwork: string | undefined): AccessLog {
  return stdout({
    log: 'ingress',
    ...COMMON_FIELDS,
    ...ingress(frame, caller, callerNetwork),
    destination_service: `%METADATA(CLUSTER:${METADATA}:service)%`,
    sni: '%REQUESTED_SERVER_NAME%',
  });
}

/** One line per connection: what was refused before there was a caller (an unknown SNI, a wrong certificate) shows only here. */
export function connectionLog(frame: Frame): AccessLog {
  return stdout({
    log: 'ingress-connection',
    time: '%START_TIME%',
    flags: '%RESPONSE_FLAGS%',
    sni: '%REQUESTED_SERVER_NAME%',
    chain: '%FILTER_CHAIN_NAME%',
    tls_failure: '%DOWNSTREAM_TRANSPORT_FAILURE_REASON%',
    downstream: '%DOWNSTREAM_REMOTE_ADDRESS%',
    destination_cluster: frame.cluster,
    destination_network: frame.network ?? '',
  });
}

function source(frame: Frame): Record<string, string> {
  return { source_cluster: frame.cluster, source_network: frame.network ?? '' };
}

function ingress(frame: Frame, caller: ClusterId, callerNetwork: string | undefined): Record<string, string> {
  return {
    source_cluster: caller,
    source_network: callerNetwork ?? '',
    source_identity: '%DOWNSTREAM_PEER_URI_SAN%',
    destination_cluster: frame.cluster,
    destination_network: frame.network ?? '',
  };
}

/** Not a file log of `/dev/stdout`: that cannot be opened when standard output is a socket. */
function stdout(fields: Readonly<Record<string, string>>): AccessLog {
  const sorted = Object.fromEntries(Object.entries(fields).sort(([left], [right]) => (left < right ? -1 : 1)));
  return create(
    AccessLogSchema,
    extensionChoice('stdout', StdoutAccessLogSchema, {
      accessLogFormat: { case: 'logFormat', value: { format: { case: 'jsonFormat', value: sorted } } },
    }),
  );
}
