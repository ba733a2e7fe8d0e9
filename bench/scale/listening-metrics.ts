import type { HistogramHandle } from '../../runtime/metrics.ts';
import { Metrics } from '../../runtime/metrics.ts';

/** The metrics of a measured controller: one of them tells whenever something was derived. */
export class ListeningMetrics extends Metrics {
  onDerived: (() => void) | undefined;

  override histogram(...args: Parameters<Metrics['histogram']>): HistogramHandle {
    const handle = super.histogram(...args);
    if (args[0] !== 'isthmus_derive_seconds') return handle;
    return {
      ...handle,
      observe: (value, labels) => {
        handle.observe(value, labels);
        this.onDerived?.();
      },
    };
  }
}
