/**
 * `egress|NS/NAME:PORT`: where an HTTP request goes, and what is tried when it cannot be served there. This one table
 * holds order and weights, so every failover decision is a single small change that moves no connection.
 */
import { create } from '@bufbuild/protobuf';
import type {
  HeaderMatcher,
  RetryPolicy,
  Route,
  RouteMatch,
} from '../gen/envoy/config/route/v3/route_components_pb.ts';
import {
  HeaderMatcherSchema,
  RetryPolicySchema,
  RouteActionSchema,
  RouteMatchSchema,
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
import { attemptsOf } from './route-clusters.ts';
import { encodedChoice } from './route-choice.ts';
import { type EncodedField, encodedField, withEncoded } from './encoded-field.ts';
import * as settings from './settings.ts';

const NO_BACKEND_STATUS = 503;
const ROUTE_TIMEOUT = durationOf(settings.ROUTE_TIMEOUT_MS);

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
  const choice = encodedChoice(egress);
  const attempts = attemptsOf(egress);
  return [repeatable(frame, attempts), once(frame, attempts)].map(({ match, action }) =>
    create(RouteSchema, {
      match,
      action: {
        case: 'route',
        value: withEncoded(create(RouteActionSchema, { timeout: ROUTE_TIMEOUT }), [action, choice]),
      },
      statPrefix: egress.service,
    }),
  );
}

/** All of a route but which service it is for and where it goes: the same for every service of one gateway set. */
interface RouteKind {
  readonly match: RouteMatch;
  /** Fields of `RouteAction`. */
  readonly action: EncodedField;
}

const kindsOf = new WeakMap<Frame, Map<string, RouteKind>>();

function remembered(frame: Frame, key: string, make: () => RouteKind): RouteKind {
  const kinds = kindsOf.get(frame) ?? new Map<string, RouteKind>();
  kindsOf.set(frame, kinds);
  const kind = kinds.get(key) ?? make();
  kinds.set(key, kind);
  return kind;
}

function repeatable(frame: Frame, attempts: number): RouteKind {
  return remembered(frame, `repeatable ${attempts}`, () => {
    const method = create(HeaderMatcherSchema, {
      name: ':method',
      headerMatchSpecifier: stringMatch({ case: 'safeRegex', value: { regex: settings.REPEATABLE_METHODS } }),
    });
    const anyMarker = create(HeaderMatcherSchema, {
      name: HEADER.reply,
      headerMatchSpecifier: { case: 'presentMatch', value: true },
    });
    const retries = retryPolicy(frame, attempts, settings.REPEATABLE_RETRY_ON, anyMarker);
    return {
      match: matchOf([method]),
      action: encodedField(RouteActionSchema.field.retryPolicy, RetryPolicySchema, retries),
    };
  });
}

function once(frame: Frame, attempts: number): RouteKind {
  return remembered(frame, `once ${attempts}`, () => {
    const unsent = create(HeaderMatcherSchema, {
      name: HEADER.reply,
      headerMatchSpecifier: stringMatch({ case: 'exact', value: 'unsent' }),
    });
    const retries = retryPolicy(frame, attempts, settings.ONCE_RETRY_ON, unsent);
    return {
      match: matchOf([]),
      action: encodedField(RouteActionSchema.field.retryPolicy, RetryPolicySchema, retries),
    };
  });
}

function matchOf(headers: HeaderMatcher[]): RouteMatch {
  return create(RouteMatchSchema, { pathSpecifier: { case: 'prefix', value: '/' }, headers });
}

function retryPolicy(frame: Frame, attempts: number, retryOn: string, marker: HeaderMatcher): RetryPolicy {
  return create(RetryPolicySchema, {
    ...retryElsewhere(),
    retryOn,
    numRetries: attempts - 1,
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
