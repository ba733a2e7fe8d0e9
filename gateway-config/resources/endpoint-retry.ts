import { create } from '@bufbuild/protobuf';
import type { RetryPolicy } from '../gen/envoy/config/route/v3/route_components_pb.ts';
import { RetryPolicySchema } from '../gen/envoy/config/route/v3/route_components_pb.ts';
import { PreviousHostsPredicateSchema } from '../gen/envoy/extensions/retry/host/previous_hosts/v3/previous_hosts_pb.ts';
import { durationOf, extensionChoice } from './messages.ts';
import * as settings from './settings.ts';

/** What all retries share: soon, and at an endpoint that was not tried. No per-try time-out: slow is not dead. */
export function retryElsewhere(): RetryPolicy {
  return create(RetryPolicySchema, {
    retryBackOff: {
      baseInterval: durationOf(settings.RETRY_BACK_OFF_BASE_MS),
      maxInterval: durationOf(settings.RETRY_BACK_OFF_MAX_MS),
    },
    hostSelectionRetryMaxAttempts: BigInt(settings.HOST_SELECTION_ATTEMPTS_MAX),
    retryHostPredicate: [extensionChoice('previous_hosts', PreviousHostsPredicateSchema, {})],
  });
}
