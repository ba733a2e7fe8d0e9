/** Settings of the importing gateway: route tables, `local|` and `peer|` clusters, and their endpoints. */
import type { JsonObject } from '@bufbuild/protobuf';
import { HEADER } from '../../gateway-config/naming.ts';
import { TYPE_URL } from '../../gateway-config/snapshot.ts';
import { isObject } from '../envoy/file-xds.ts';
import * as exporter from './checks-exporter.ts';
import * as importer from './checks-importer.ts';
import { eachObject, edit, mentions, without, withoutItems, withValue } from './edits.ts';
import type { Edit } from './edits.ts';
import type { Mutant } from './mutant.ts';

const ROUTE = 'gateway-config/resources/route-egress.ts';
const CLUSTER = 'gateway-config/resources/cluster-settings.ts';
const ENDPOINTS = 'gateway-config/resources/endpoints.ts';

function egress(change: (table: JsonObject) => void): Edit {
  return edit(TYPE_URL.route, /^egress\|/, change);
}

function clusters(names: RegExp, change: (cluster: JsonObject) => void): Edit {
  return edit(TYPE_URL.cluster, names, change);
}

/** Of one of the two routes: the one for repeatable methods has a header match, the one for all others has none. */
function retryPolicy(route: 'repeatable' | 'once', change: (policy: JsonObject) => void): Edit {
  return egress((table) =>
    eachObject(table, (object) => {
      const { match, route: action } = object;
      if (!isObject(match) || !isObject(action) || !isObject(action['retry_policy'])) return;
      if ((match['headers'] === undefined) === (route === 'once')) change(action['retry_policy']);
    }),
  );
}

const ROUTES: readonly Mutant[] = [
  {
    name: 'retry-same-cluster',
    setting: 'retry_policy.refresh_cluster_on_retry',
    file: ROUTE,
    why: 'a retry that stays in the cluster whose endpoints are dead is no failover',
    check: importer.OWN_PODS_DEAD,
    edit: egress(without('refresh_cluster_on_retry')),
  },
  {
    name: 'no-retries',
    setting: 'retry_policy.num_retries',
    file: ROUTE,
    why: 'the first dead endpoint would be the answer',
    check: importer.OWN_PODS_DEAD,
    edit: egress(withValue('num_retries', 0)),
  },
  {
    name: 'void-not-retried',
    setting: `retry_policy.retriable_headers: ${HEADER.void}`,
    file: ROUTE,
    why: 'the void endpoint says "nobody here": without the retry its 503 reaches the caller',
    check: importer.OWN_PODS_DEAD,
    edit: egress(withoutItems('retriable_headers', mentions(HEADER.void))),
  },
  {
    name: 'refusal-not-retried',
    setting: `retry_policy.retriable_headers: ${HEADER.reply}`,
    file: ROUTE,
    why: "a peer's refusal would reach the caller although another peer serves",
    check: exporter.WITHDRAWN,
    edit: egress(withoutItems('retriable_headers', mentions(HEADER.reply))),
  },
  {
    name: 'once-retries-any-marker',
    setting: `retry_policy.retriable_headers: ${HEADER.reply} exact "unsent" for other methods`,
    file: ROUTE,
    why: 'a POST that a remote pod may have run would run again',
    check: exporter.REMOTE_POD_RESETS,
    edit: retryPolicy('once', (policy) => {
      policy['retriable_headers'] = [{ name: HEADER.reply, present_match: true }];
    }),
  },
  {
    name: 'once-retries-resets',
    setting: 'retry_policy.retry_on without "reset" for other methods',
    file: ROUTE,
    why: 'a POST that an own pod may have run would run again',
    check: importer.POD_RESETS_POST,
    edit: retryPolicy('once', (policy) => {
      policy['retry_on'] = 'connect-failure,refused-stream,reset-before-request,reset,retriable-headers';
    }),
  },
  {
    name: 'repeatable-keeps-resets',
    setting: 'retry_policy.retry_on: "reset" for GET, HEAD, OPTIONS',
    file: ROUTE,
    why: 'what waited at a gateway when it died would fail',
    check: exporter.KILLED_IN_FLIGHT,
    edit: retryPolicy('repeatable', (policy) => {
      policy['retry_on'] = 'connect-failure,refused-stream,reset-before-request,retriable-headers';
    }),
  },
];

const CLUSTERS: readonly Mutant[] = [
  {
    name: 'retry-breaker-default',
    setting: 'circuit_breakers: retry_budget (default max_retries: 3)',
    file: CLUSTER,
    why: 'when everything fails at once only three requests would be retried, and an overflow is final',
    check: importer.OWN_PODS_DEAD,
    edit: clusters(/^(local|peer)\|/, without('retry_budget')),
  },
  {
    name: 'local-void-missing',
    setting: 'endpoints of local|: void at priority 1',
    file: ENDPOINTS,
    why: '"no healthy host" is final, void is retried',
    check: importer.OWN_ENDPOINTS_GONE,
    edit: edit(TYPE_URL.endpoints, /^local\|/, withoutItems('endpoints', mentions('void'))),
  },
  {
    name: 'peer-void-missing',
    setting: 'endpoints of peer|: void at priority 1',
    file: ENDPOINTS,
    why: '"no healthy host" is final, void is retried',
    check: importer.PEER_GATEWAY_DOWN,
    edit: edit(TYPE_URL.endpoints, /^peer\|/, withoutItems('endpoints', mentions('void'))),
  },
  {
    name: 'void-is-checked',
    setting: 'health_check_config.disable_active_health_check of void',
    file: ENDPOINTS,
    why: "void fails the gateways' health check, and then no healthy host is left",
    check: importer.PEER_GATEWAY_DOWN,
    edit: edit(TYPE_URL.endpoints, /^peer\|/, without('health_check_config')),
  },
  {
    name: 'local-never-ejects',
    setting: 'outlier_detection of local|',
    file: CLUSTER,
    why: 'every request would try dead pods first; on a dead node that costs the connect time-out each time',
    check: importer.DEAD_PODS_LEFT_ALONE,
    edit: clusters(/^local\|/, without('outlier_detection')),
  },
  {
    name: 'peer-never-ejects',
    setting: 'outlier_detection of peer|',
    file: CLUSTER,
    why: 'a dead gateway would be tried first until health checks notice, 3 s later',
    check: importer.KILLED_GATEWAY_LEFT_ALONE,
    edit: clusters(/^peer\|/, without('outlier_detection')),
  },
  {
    name: 'origins-not-split',
    setting: 'outlier_detection.split_external_local_origin_errors of local|',
    file: CLUSTER,
    why: 'local-origin failures are then not counted on their own, and nothing is ejected',
    check: importer.DEAD_PODS_LEFT_ALONE,
    edit: clusters(/^local\|/, without('split_external_local_origin_errors')),
  },
  {
    name: 'application-errors-eject',
    setting: 'outlier_detection.enforcing_consecutive_5xx: 0 of local|',
    file: CLUSTER,
    why: "an application's own errors would take its pods out, and run elsewhere what failed here",
    check: importer.OWN_ERRORS_PASS,
    edit: clusters(/^local\|/, without('enforcing_consecutive_5xx')),
  },
  {
    name: 'own-pod-can-forge',
    setting: `HttpProtocolOptions.http_filters of local|: remove ${HEADER.reply}`,
    file: 'gateway-config/resources/cluster-local.ts',
    why: 'a pod that sends our marker would have its POSTs run again elsewhere',
    check: exporter.FORGED_BY_OWN_POD,
    edit: clusters(/^local\|/, without('http_filters')),
  },
  {
    name: 'removed-gateway-stays',
    setting: 'ignore_health_on_host_removal of peer|',
    file: CLUSTER,
    why: 'a gateway that discovery removed would be used until its health checks fail as well',
    check: importer.GATEWAY_REPLACED,
    edit: clusters(/^peer\|/, without('ignore_health_on_host_removal')),
  },
  {
    name: 'no-keep-alive',
    setting: 'http2_protocol_options.connection_keepalive of peer|',
    file: 'gateway-config/resources/http-options.ts',
    why: 'requests would wait on a black hole until three health checks have failed',
    check: exporter.BLACK_HOLE,
    edit: clusters(/^peer\|/, without('connection_keepalive')),
  },
];

export const IMPORTER_MUTANTS: readonly Mutant[] = [...ROUTES, ...CLUSTERS];
