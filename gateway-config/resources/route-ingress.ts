/**
 * `in|CALLER`: what one peer may call by HTTP, one table per caller. It is the authorization: what is not in it is
 * answered like what does not exist. Exact maps instead of a list of routes, so a look-up costs the same at 1,000 services.
 */
import type { MessageInitShape } from '@bufbuild/protobuf';
import { create, toBinary } from '@bufbuild/protobuf';
import type { ServicePortKey } from '../../federation/model/ids.ts';
import { RouteSchema, VirtualHostSchema } from '../gen/envoy/config/route/v3/route_components_pb.ts';
import { RouteConfigurationSchema } from '../gen/envoy/config/route/v3/route_pb.ts';
import { HttpRequestHeaderMatchInputSchema } from '../gen/envoy/type/matcher/v3/http_inputs_pb.ts';
import type { MatcherSchema, Matcher_OnMatchSchema } from '../gen/xds/type/matcher/v3/matcher_pb.ts';
import type { IngressIR } from '../ir.ts';
import { exportClusterName, HEADER, HEALTH_PATH, ingressRouteName } from '../naming.ts';
import { TYPE_URL } from '../snapshot.ts';
import type { TypedResource } from './encode.ts';
import { wrapResource } from './encode.ts';
import { retryElsewhere } from './endpoint-retry.ts';
import type { Frame } from './frame.ts';
import { concatenate, remembered } from './frame.ts';
import { durationOf, extension } from './messages.ts';
import * as settings from './settings.ts';

type MatcherInit = Exclude<MessageInitShape<typeof MatcherSchema>, { $typeName: string }>;
type OnMatchInit = MessageInitShape<typeof Matcher_OnMatchSchema>;

/** Callers with the same grants share everything but the table's name. */
export function ingressRoute(frame: Frame, ingress: IngressIR): TypedResource {
  const name = ingressRouteName(ingress.caller);
  const table = remembered(frame, ingress.http, () => encodeTable(ingress.http));
  const bytes = concatenate([toBinary(RouteConfigurationSchema, create(RouteConfigurationSchema, { name })), table]);
  return wrapResource(TYPE_URL.route, name, bytes);
}

function encodeTable(services: readonly ServicePortKey[]): Uint8Array {
  const table = create(RouteConfigurationSchema, {
    virtualHosts: [
      create(VirtualHostSchema, {
        name: 'all',
        domains: ['*'],
        // From applications; those of this gateway are added later, by the listener's local replies.
        responseHeadersToRemove: [HEADER.reply, HEADER.reason, HEADER.void],
        matcher: healthThenServices(services),
      }),
    ],
  });
  return toBinary(RouteConfigurationSchema, table);
}

/**
 * Nothing on no match in the inner tree: that is "no route", the 404 with flag NR that the listener marks as unsent. An
 * empty map would be refused whole by Envoy, and the old table with its withdrawn services would stay: so no tree at all.
 */
function healthThenServices(services: readonly ServicePortKey[]): MatcherInit {
  const health: OnMatchInit = {
    onMatch: {
      case: 'action',
      value: extension('health', RouteSchema, {
        match: { pathSpecifier: { case: 'prefix', value: '/' } },
        action: { case: 'directResponse', value: { status: 200 } },
      }),
    },
  };
  return {
    ...exactTree(':path', { [HEALTH_PATH]: health }),
    ...(services.length === 0 ? {} : { onNoMatch: { onMatch: { case: 'matcher', value: serviceTree(services) } } }),
  };
}

function serviceTree(services: readonly ServicePortKey[]): MatcherInit {
  return exactTree(HEADER.service, Object.fromEntries(services.map((service) => [service, routeTo(service)])));
}

function exactTree(headerName: string, map: Record<string, OnMatchInit>): MatcherInit {
  return {
    matcherType: {
      case: 'matcherTree',
      value: {
        input: extension('header', HttpRequestHeaderMatchInputSchema, { headerName }),
        treeType: { case: 'exactMatchMap', value: { map } },
      },
    },
  };
}

function routeTo(service: ServicePortKey): OnMatchInit {
  return {
    onMatch: {
      case: 'action',
      value: extension('route', RouteSchema, {
        name: service,
        match: { pathSpecifier: { case: 'prefix', value: '/' } },
        action: {
          case: 'route',
          value: {
            clusterSpecifier: { case: 'cluster', value: exportClusterName(service) },
            timeout: durationOf(settings.ROUTE_TIMEOUT_MS),
            retryPolicy: {
              ...retryElsewhere(),
              retryOn: settings.INGRESS_RETRY_ON,
              numRetries: settings.INGRESS_RETRIES_MAX,
            },
          },
        },
        statPrefix: service,
      }),
    },
  };
}
