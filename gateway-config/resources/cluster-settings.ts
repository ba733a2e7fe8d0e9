/** What every cluster of a gateway has in common. */
import type { MessageInitShape } from '@bufbuild/protobuf';
import { create } from '@bufbuild/protobuf';
import type { CircuitBreakers } from '../gen/envoy/config/cluster/v3/circuit_breaker_pb.ts';
import { CircuitBreakersSchema } from '../gen/envoy/config/cluster/v3/circuit_breaker_pb.ts';
import type { Cluster_CommonLbConfig, ClusterSchema } from '../gen/envoy/config/cluster/v3/cluster_pb.ts';
import {
  Cluster_CommonLbConfigSchema,
  Cluster_DiscoveryType as DiscoveryType,
} from '../gen/envoy/config/cluster/v3/cluster_pb.ts';
import type { OutlierDetection } from '../gen/envoy/config/cluster/v3/outlier_detection_pb.ts';
import { OutlierDetectionSchema } from '../gen/envoy/config/cluster/v3/outlier_detection_pb.ts';
import type { Metadata } from '../gen/envoy/config/core/v3/base_pb.ts';
import { MetadataSchema } from '../gen/envoy/config/core/v3/base_pb.ts';
import { durationOf, fromAds } from './messages.ts';
import type { Ejection } from './settings.ts';
import * as settings from './settings.ts';

export type ClusterInit = Exclude<MessageInitShape<typeof ClusterSchema>, { $typeName: string }>;

/** Namespace of our own metadata: what access logs say about source and destination. */
export const METADATA = 'isthmus';

/**
 * Endpoints by EDS, one resource per cluster under the cluster's own name: two clusters that share one stall for 15 s
 * on a delta ADS stream (envoy issue 47302).
 */
export function baseCluster(name: string, connectTimeoutMs: number, ejection: Ejection): ClusterInit {
  return {
    name,
    clusterDiscoveryType: { case: 'type', value: DiscoveryType.EDS },
    edsClusterConfig: { edsConfig: fromAds() },
    connectTimeout: durationOf(connectTimeoutMs),
    commonLbConfig: commonLbConfig(settings.PANIC_THRESHOLD_PERCENT),
    ignoreHealthOnHostRemoval: settings.IGNORE_HEALTH_ON_HOST_REMOVAL,
    circuitBreakers: circuitBreakers(),
    outlierDetection: outlierDetection(ejection),
  };
}

export function commonLbConfig(panicThresholdPercent: number): Cluster_CommonLbConfig {
  return create(Cluster_CommonLbConfigSchema, {
    updateMergeWindow: durationOf(settings.UPDATE_MERGE_WINDOW_MS),
    healthyPanicThreshold: { value: panicThresholdPercent },
  });
}

function circuitBreakers(): CircuitBreakers {
  return create(CircuitBreakersSchema, {
    thresholds: [
      {
        maxConnections: settings.BREAKER_LIMIT,
        maxPendingRequests: settings.BREAKER_LIMIT,
        maxRequests: settings.BREAKER_LIMIT,
        retryBudget: {
          budgetPercent: { value: settings.RETRY_BUDGET_PERCENT },
          minRetryConcurrency: settings.RETRY_CONCURRENCY_MIN,
        },
      },
    ],
  });
}

/** Local-origin failures alone eject; the other detectors would count the application's own answers. */
function outlierDetection(ejection: Ejection): OutlierDetection {
  return create(OutlierDetectionSchema, {
    splitExternalLocalOriginErrors: true,
    consecutiveLocalOriginFailure: ejection.consecutiveLocalOriginFailures,
    enforcingConsecutiveLocalOriginFailure: 100,
    enforcingLocalOriginSuccessRate: 0,
    enforcingConsecutive5xx: 0,
    enforcingConsecutiveGatewayFailure: 0,
    enforcingSuccessRate: 0,
    interval: durationOf(ejection.intervalMs),
    baseEjectionTime: durationOf(ejection.baseMs),
    maxEjectionTime: durationOf(ejection.maxMs),
    maxEjectionPercent: ejection.maxPercent,
  });
}

export function metadataOf(filterMetadata: Readonly<Record<string, Readonly<Record<string, string>>>>): Metadata {
  const copy = Object.fromEntries(Object.entries(filterMetadata).map(([name, fields]) => [name, { ...fields }]));
  return create(MetadataSchema, { filterMetadata: copy });
}

/** Where an endpoint or cluster is, for access logs. */
export function placeMetadata(
  cluster: string,
  network: string | undefined,
): Record<typeof METADATA, Record<string, string>> {
  return { [METADATA]: { cluster, ...(network === undefined ? {} : { network }) } };
}
