export interface Quantiles {
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
}

/** Nearest rank, in the unit of the samples, two decimals. */
export function quantilesOf(samples: readonly number[]): Quantiles {
  const sorted = samples.toSorted((left, right) => left - right);
  const at = (share: number): number => {
    const rank = Math.max(0, Math.ceil(share * sorted.length) - 1);
    return Number((sorted[rank] ?? Number.NaN).toFixed(2));
  };
  return { p50: at(0.5), p90: at(0.9), p99: at(0.99), max: at(1) };
}
