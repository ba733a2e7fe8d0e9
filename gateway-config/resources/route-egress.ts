/**
 * `egress|NS/NAME:PORT`: where an HTTP request goes, and what is tried when it cannot be served there. This one table
 * holds order and weights, so every failover decision is a single small change that moves no connection.
 */
import { create } from '@bufbuild/protobuf';
import type { HeaderMatcher, RetryPolicy, Route } from '../gen/envoy/config/route/v3/route_components_pb.ts';
import {
  HeaderMatcherSchema,
  RetryPolicySchema,
  RouteSchema,
} from '../gen/envoy/config/route/v3/route_components_pb.ts';
import { RouteConfigurationSchema } from '../gen/envoy/config/route/v3/route_pb.ts';
import type { EgressIR } from '../ir.ts';
import { egressName, HEADER } from '../naming.ts';
import { TYPE_URL } from '../snapshot.ts';
import type { TypedResource } from './encode.ts';
import { encodeResource } from './encode.ts';
import { retryElsewhere } from './endpoint-retry.ts';
import type { Frame } from './frame.ts';
import { durationOf, setHeader } from './messages.ts';
import { attemptsOf, clusterChoice } from './route-clusters.ts';
import * as settings from './settings.ts';

const NO_BACKEND_STATUS = 503;

export function egressRoute(frame: Frame, egress: EgressIR): TypedResource {
  const name = egressName(egress.service);
  return encodeResource(TYPE_URL.route, name, RouteConfigurationSchema, {
    name,
    virtualHosts: [
      {
        name: egress.service,
        domains: ['*'],
        requestHeadersToAdd: [setHeader(HEADER.service, egress.service)],
        responseHeadersToRemove: [HEADER.reply, HEADER.reason, HEADER.void],
        routes: routesOf(frame, egress),
      },
    ],
  });
}

function routesOf(frame: Frame, egress: EgressIR): Route[] {
  if (egress.local.length === 0 && egress.tiers.length === 0) return [nowhere(egress)];
  const repeatable = create(HeaderMatcherSchema, {
    name: ':method',
    headerMatchSpecifier: stringMatch({ case: 'safeRegex', value: { regex: settings.REPEATABLE_METHODS } }),
  });
  const anyMarker = create(HeaderMatcherSchema, {
    name: HEADER.reply,
    headerMatchSpecifier: { case: 'presentMatch', value: true },
  });
  const unsent = create(HeaderMatcherSchema, {
    name: HEADER.reply,
    headerMatchSpecifier: stringMatch({ case: 'exact', value: 'unsent' }),
  });
  return [
    route(frame, egress, [repeatable], settings.REPEATABLE_RETRY_ON, anyMarker),
    route(frame, egress, [], settings.ONCE_RETRY_ON, unsent),
  ];
}

function route(
  frame: Frame,
  egress: EgressIR,
  headers: HeaderMatcher[],
  retryOn: string,
  marker: HeaderMatcher,
): Route {
  return create(RouteSchema, {
    match: { pathSpecifier: { case: 'prefix', value: '/' }, headers },
    action: {
      case: 'route',
      value: {
        clusterSpecifier: clusterChoice(egress),
        timeout: durationOf(settings.ROUTE_TIMEOUT_MS),
        retryPolicy: retryPolicy(frame, egress, retryOn, marker),
      },
    },
    statPrefix: egress.service,
  });
}

function retryPolicy(frame: Frame, egress: EgressIR, retryOn: string, marker: HeaderMatcher): RetryPolicy {
  return create(RetryPolicySchema, {
    ...retryElsewhere(),
    retryOn,
    numRetries: attemptsOf(egress) - 1,
    refreshClusterOnRetry: settings.REFRESH_CLUSTER_ON_RETRY,
    retriableHeaders: [
      marker,
      create(HeaderMatcherSchema, {
        name: HEADER.void,
        headerMatchSpecifier: stringMatch({ case: 'exact', value: frame.voidToken.reveal() }),
      }),
    ],
  });
}

/** Imported, but nobody serves it now. The listener stays, so that the first backend needs a route only. */
function nowhere(egress: EgressIR): Route {
  const text = `no cluster serves ${egress.service} at present\n`;
  return create(RouteSchema, {
    match: { pathSpecifier: { case: 'prefix', value: '/' } },
    action: {
      case: 'directResponse',
      value: { status: NO_BACKEND_STATUS, body: { specifier: { case: 'inlineString', value: text } } },
    },
    statPrefix: egress.service,
  });
}

type StringMatch = Extract<HeaderMatcher['headerMatchSpecifier'], { case: 'stringMatch' }>;

function stringMatch(
  matchPattern: { case: 'exact'; value: string } | { case: 'safeRegex'; value: { regex: string } },
): StringMatch {
  const matcher = create(HeaderMatcherSchema, {
    headerMatchSpecifier: { case: 'stringMatch', value: { matchPattern } },
  });
  // The specifier was set to this case one line above.
  return matcher.headerMatchSpecifier as StringMatch;
}
