import { Counter, Gauge, Histogram, Registry } from 'prom-client';

/**
 * The only door to prom-client. Names begin with `isthmus_`, carry base units, and a metric's label set is constant.
 * Label values are bounded: clusters, services, reasons; never a pod or an address.
 */
export type Labels = Readonly<Record<string, string>>;

export interface CounterHandle {
  add(labels?: Labels, amount?: number): void;
}

export interface GaugeHandle {
  set(value: number, labels?: Labels): void;
  remove(labels: Labels): void;
}

export interface HistogramHandle {
  observe(value: number, labels?: Labels): void;
}

export class Metrics {
  readonly #registry = new Registry();
  readonly #counters = new Map<string, Counter>();
  readonly #gauges = new Map<string, Gauge>();
  readonly #histograms = new Map<string, Histogram>();

  counter(name: string, help: string, labelNames: readonly string[] = []): CounterHandle {
    const made = this.#counters.get(name) ?? new Counter({ name, help, labelNames, registers: [this.#registry] });
    this.#counters.set(name, made);
    return { add: (labels = {}, amount = 1) => made.inc(labels, amount) };
  }

  gauge(name: string, help: string, labelNames: readonly string[] = []): GaugeHandle {
    const made = this.#gauges.get(name) ?? new Gauge({ name, help, labelNames, registers: [this.#registry] });
    this.#gauges.set(name, made);
    return {
      set: (value, labels = {}) => made.set(labels, value),
      remove: (labels) => made.remove(labels),
    };
  }

  histogram(name: string, help: string, bucketsSeconds: number[], labelNames: readonly string[] = []): HistogramHandle {
    const made =
      this.#histograms.get(name) ??
      new Histogram({ name, help, labelNames, buckets: bucketsSeconds, registers: [this.#registry] });
    this.#histograms.set(name, made);
    return { observe: (value, labels = {}) => made.observe(labels, value) };
  }

  /** Prometheus text format 0.0.4. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }
}
