/**
 * Every time-out, limit and threshold of the gateway's Envoy, in one place, with its reason. They were found by killing,
 * stopping and black-holing things under load; `docs/reference/gateway.md` has the measurements. Most of them are load-bearing: with
 * Envoy's default the named failure comes back.
 */

// ---- choosing and leaving an endpoint

/** Health changes act at once. Default 1 s: the second of two dead pods would be used for up to a second longer. */
export const UPDATE_MERGE_WINDOW_MS = 0;
/** Never spread over endpoints known to be dead. Default 50 %: a service with only dead pods would never say so. */
export const PANIC_THRESHOLD_PERCENT = 0;
/**
 * Except for TCP egress, which has no void and no second look: when every endpoint everywhere is ejected, all are tried
 * again, or a stall of half a second would become an outage of five. With one healthy endpoint anywhere it has no
 * effect, as the overprovisioning factor makes that 100 %.
 */
export const TCP_EGRESS_PANIC_THRESHOLD_PERCENT = 1;
/** Any healthy endpoint keeps its priority at 100 %. Default 140: with one of two gateways dead a third would leak to the next priority. */
export const OVERPROVISIONING_FACTOR = 100_000;
/** An endpoint that discovery removed is gone now, not when a check fails as well. */
export const IGNORE_HEALTH_ON_HOST_REMOVAL = true;
/** A local pod answers or it does not: more is a dead node. */
export const LOCAL_CONNECT_TIMEOUT_MS = 250;
/** A round trip to another continent and a TLS handshake, with room. */
export const PEER_CONNECT_TIMEOUT_MS = 1_000;
/** Each attempt of a TCP connection, two round trips with its TLS handshake: with 500 a peer 250 ms away was never reached. */
export const TCP_CONNECT_TIMEOUT_MS = 1_000;

/** Weight of the own backends beside the peers': one request in millions leaks. Close to the 2^32 that Envoy adds up to. */
export const LOCAL_WEIGHT = 4_000_000_000;

// ---- circuit breakers

/** An overflow is final, never retried, so connections, pending and requests are out of reach; limit a service at its own listener. */
export const BREAKER_LIMIT = 1_000_000;
/** Retries beside active requests: all of them may fail at the same moment. */
export const RETRY_BUDGET_PERCENT = 100;
/** Concurrent retries always allowed. Envoy's default of 3 defeats failover: 763 of 8,000 requests failed. */
export const RETRY_CONCURRENCY_MIN = 10_000;

// ---- retries

/** One more than local, zone, region, network and others: every attempt can go somewhere new. */
export const RETRIES_MAX = 5;
/** Long enough not to spin, short enough not to be felt: a refusal is answered in under a millisecond. */
export const RETRY_BACK_OFF_BASE_MS = 1;
export const RETRY_BACK_OFF_MAX_MS = 10;
/** Draws for an endpoint that was not tried before. */
export const HOST_SELECTION_ATTEMPTS_MAX = 5;
/** Each retry draws a cluster that was not tried yet: this is the failover. */
export const REFRESH_CLUSTER_ON_RETRY = true;
/** Attempts that a failover tier gets, each beginning at another of its clusters. */
export const ATTEMPTS_PER_TIER = 2;
/** Methods that may run twice (RFC 9110, section 9.2.2, those without a body): retried after any reset. */
export const REPEATABLE_METHODS = 'GET|HEAD|OPTIONS';
export const REPEATABLE_RETRY_ON = 'connect-failure,refused-stream,reset-before-request,reset,retriable-headers';
/** Other methods: only what certainly did not run. */
export const ONCE_RETRY_ON = 'connect-failure,refused-stream,reset-before-request,retriable-headers';
/** The exporter's second try at another pod. More would multiply with the caller's. */
export const INGRESS_RETRIES_MAX = 1;
export const INGRESS_RETRY_ON = 'connect-failure,refused-stream,reset-before-request';
/** A new connection walks over dead endpoints and refusing clusters. 8 without back-off ran out in 2 of 3 runs. */
export const TCP_CONNECT_ATTEMPTS_MAX = 12;
export const TCP_INGRESS_CONNECT_ATTEMPTS_MAX = 3;

// ---- ejection. Only errors of ours count, never an application's 5xx.

export interface Ejection {
  readonly consecutiveLocalOriginFailures: number;
  readonly intervalMs: number;
  readonly baseMs: number;
  readonly maxMs: number;
  readonly maxPercent: number;
}

/** 99 %: the void endpoint always stays. */
export const LOCAL_EJECTION: Ejection = {
  consecutiveLocalOriginFailures: 3,
  intervalMs: 1_000,
  baseMs: 2_000,
  maxMs: 5_000,
  maxPercent: 99,
};
export const PEER_EJECTION: Ejection = {
  consecutiveLocalOriginFailures: 5,
  intervalMs: 500,
  baseMs: 2_000,
  maxMs: 5_000,
  maxPercent: 99,
};
/** The first failed connection ejects: TCP has no second look. Max 5 s; default 300 s, and each ejection is longer than the last. */
export const TCP_EJECTION: Ejection = {
  consecutiveLocalOriginFailures: 1,
  intervalMs: 1_000,
  baseMs: 5_000,
  maxMs: 5_000,
  maxPercent: 100,
};
/** 5: with 1, one caller's aborting request would take the pods out for everybody. */
export const EXPORT_EJECTION: Ejection = {
  consecutiveLocalOriginFailures: 5,
  intervalMs: 1_000,
  baseMs: 2_000,
  maxMs: 5_000,
  maxPercent: 100,
};

// ---- health of peers' gateways

export const PEER_CHECK_INTERVAL_MS = 1_000;
/** Return of a gateway is noticed sooner than its loss. */
export const PEER_CHECK_UNHEALTHY_INTERVAL_MS = 500;
export const PEER_CHECK_TIMEOUT_MS = 1_000;
export const PEER_CHECK_UNHEALTHY_THRESHOLD = 3;
export const CHECK_HEALTHY_THRESHOLD = 1;
/** A failed check also ends the pooled connections, so that nothing waits on a black hole. */
export const CLOSE_CONNECTIONS_ON_HEALTH_FAILURE = true;
/** Of exported endpoints: two failures when checks are frequent, else one, so that a dead process is out within 2 s. */
export const EXPORT_CHECK_FREQUENT_MS = 500;

// ---- HTTP/2 between gateways

/**
 * With the time-out, and the 15 % of jitter that Envoy adds, a black hole costs 1.7 s. The time-out is what gives false
 * alarms when it is short: at 0.5 s there were some beside a 1 GiB download.
 */
export const KEEPALIVE_INTERVAL_MS = 400;
export const KEEPALIVE_TIMEOUT_MS = 1_200;
/** Caps one stream at 25 MB/s over 40 ms, and what a stalled reader can hold. */
export const STREAM_WINDOW_BYTES = 1_048_576;
/** Never the limit: two stalled readers froze every service of a shared connection with the default. */
export const CONNECTION_WINDOW_BYTES = 2_147_483_647;
export const CONCURRENT_STREAMS_MAX = 2_000;
/**
 * nghttp2's own budget of resets, by default 1,000 and 33 a second; no effect was measured. What does end a shared session
 * is Envoy's guard against early resets, which the bootstrap puts out of reach (`agent/bootstrap.ts`).
 */
export const STREAM_RESET_BURST = 1_000_000n;
export const STREAM_RESET_RATE = 1_000_000n;

// ---- connections

/** SO_KEEPALIVE: an idle connection whose far side is gone is noticed in 5 s. Not TCP_USER_TIMEOUT: it kills live readers that pause. */
export const KEEPALIVE_IDLE_S = 2;
export const KEEPALIVE_PROBE_INTERVAL_S = 1;
export const KEEPALIVE_PROBES = 3;
/** A TLS half-close can be lost behind a full small send buffer (10 of 160 with 64 KiB, 0 of 80 with 512 KiB). */
export const SEND_BUFFER_BYTES = 1_048_576;
/** Idle TCP connections and HTTP streams. Generous, as silent but living connections are common; keep-alive finds dead ones. */
export const IDLE_TIMEOUT_MS = 3_600_000;
/** Whole responses are never timed: downloads, watches and gRPC streams last as long as they like. Idleness is. */
export const ROUTE_TIMEOUT_MS = 0;
/** From accept to a finished TLS handshake. Also bounds what someone without a certificate can hold. */
export const HANDSHAKE_TIMEOUT_MS = 2_000;
export const LISTENER_FILTERS_TIMEOUT_MS = 2_000;
/** Clusters and listeners wait this long for the agent's certificate, then start without: own pods must not wait for trust. */
export const OWN_SECRET_WAIT_MS = 2_000;

export const HTTP_ALPN = 'h2';
export const TCP_ALPN = 'isthmus-tcp';
