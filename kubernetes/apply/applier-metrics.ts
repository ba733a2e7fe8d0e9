import type { CounterHandle, GaugeHandle, Metrics } from '../../runtime/metrics.ts';
import type { Resource } from '../api/resources.ts';
import type { Setback } from './setback.ts';

export type WriteVerb = 'create' | 'apply' | 'status' | 'delete';

/** What the applier counts: one object's trouble is seen in `refused`, the server's in `busy`. */
export class ApplierMetrics {
  readonly #writes: CounterHandle;
  readonly #targets: GaugeHandle;
  readonly #waiting: GaugeHandle;

  constructor(metrics: Metrics) {
    this.#writes = metrics.counter('isthmus_kubernetes_writes_total', 'Writes to the API server of the own cluster.', [
      'resource',
      'verb',
      'outcome',
    ]);
    this.#targets = metrics.gauge(
      'isthmus_kubernetes_objects_wanted',
      'Objects that this controller keeps as they shall be.',
    );
    this.#waiting = metrics.gauge(
      'isthmus_kubernetes_writes_waiting',
      'Objects that wait for their turn to be written.',
    );
  }

  wrote(resource: Resource, verb: WriteVerb): void {
    this.#writes.add({ resource: resource.plural, verb, outcome: 'ok' });
  }

  failed(resource: Resource, verb: WriteVerb, outcome: Setback['kind']): void {
    this.#writes.add({ resource: resource.plural, verb, outcome });
  }

  level(counts: { readonly targets: number; readonly waiting: number }): void {
    this.#targets.set(counts.targets);
    this.#waiting.set(counts.waiting);
  }
}
