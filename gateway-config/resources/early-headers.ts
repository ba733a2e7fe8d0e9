/**
 * What callers may not say to our Envoy. Runs before routing, so that a header cannot choose a route, switch retries on
 * for a request that must run once, or claim to be an answer of the infrastructure.
 */
import type { TypedExtensionConfig } from '../gen/envoy/config/core/v3/extension_pb.ts';
import { TypedExtensionConfigSchema } from '../gen/envoy/config/core/v3/extension_pb.ts';
import { HeaderMutationSchema } from '../gen/envoy/extensions/http/early_header_mutation/header_mutation/v3/header_mutation_pb.ts';
import { create } from '@bufbuild/protobuf';
import { HEADER, HEADER_PREFIX } from '../naming.ts';
import { extension, removeHeader, removeHeadersBelow } from './messages.ts';

/** Request headers by which Envoy's router lets a caller change retries, time-outs and statistics. */
const ROUTER_CONTROL_HEADERS = [
  'x-envoy-hedge-on-per-try-timeout',
  'x-envoy-max-retries',
  'x-envoy-retriable-header-names',
  'x-envoy-retriable-status-codes',
  'x-envoy-retry-grpc-on',
  'x-envoy-retry-on',
  'x-envoy-upstream-alt-stat-name',
  'x-envoy-upstream-rq-per-try-timeout-ms',
  'x-envoy-upstream-rq-timeout-alt-response',
  'x-envoy-upstream-rq-timeout-ms',
  'x-envoy-upstream-stream-duration-ms',
] as const;

/** Local workloads: nothing below our prefix is theirs. */
export function egressEarlyHeaders(): TypedExtensionConfig {
  return earlyHeaders([removeHeadersBelow(HEADER_PREFIX)]);
}

/** Peers' gateways: they name the service; the rest of our names are answers. */
export function ingressEarlyHeaders(): TypedExtensionConfig {
  return earlyHeaders([HEADER.reply, HEADER.reason, HEADER.void].map(removeHeader));
}

function earlyHeaders(own: ReturnType<typeof removeHeader>[]): TypedExtensionConfig {
  return create(
    TypedExtensionConfigSchema,
    extension('early_headers', HeaderMutationSchema, {
      mutations: [...own, ...ROUTER_CONTROL_HEADERS.map(removeHeader)],
    }),
  );
}
