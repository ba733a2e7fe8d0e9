/** What is counted of every collection that is watched. `resource` is the plural of its kind. */
import type { Metrics } from '../../runtime/metrics.ts';
import type { FailureKind } from './failure.ts';

export interface ReflectorMetrics {
  request(what: 'list' | 'probe' | 'watch'): void;
  event(type: 'changed' | 'deleted'): void;
  failure(reason: FailureKind | 'silent' | 'unknown-event' | 'projection' | 'listener'): void;
  objects(count: number): void;
  current(value: 0 | 1): void;
}

export function reflectorMetrics(metrics: Metrics, resource: string): ReflectorMetrics {
  const requests = metrics.counter(
    'isthmus_kubernetes_list_watch_requests_total',
    'Pages, probes and watches that the API server was asked for.',
    ['resource', 'request'],
  );
  const events = metrics.counter(
    'isthmus_kubernetes_watch_events_total',
    'Changes that watches of the API server told.',
    ['resource', 'type'],
  );
  const failures = metrics.counter(
    'isthmus_kubernetes_list_watch_failures_total',
    'What went wrong while the API server was listed and watched, by what is done about it.',
    ['resource', 'reason'],
  );
  const objects = metrics.gauge('isthmus_kubernetes_objects', 'Objects that are known of a watched collection.', [
    'resource',
  ]);
  const current = metrics.gauge(
    'isthmus_kubernetes_watch_current',
    '1 while changes of a collection are told, 0 while what is known may be old.',
    ['resource'],
  );
  return {
    request: (request) => requests.add({ resource, request }),
    event: (type) => events.add({ resource, type }),
    failure: (reason) => failures.add({ resource, reason }),
    objects: (count) => objects.set(count, { resource }),
    current: (value) => current.set(value, { resource }),
  };
}
