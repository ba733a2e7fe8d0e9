/** One measured figure: what it is, what it should be, and whether it is. */
export interface Figure {
  readonly what: string;
  readonly value: number;
  readonly unit: 'ms' | 'bytes' | 'ratio' | '% of a core' | 'MB' | 'versions' | 's';
  /** At most. Absent: printed for the reader, without a target. */
  readonly target?: number | undefined;
}

export function isMet({ value, target }: Figure): boolean | undefined {
  return target === undefined ? undefined : value <= target;
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((left, right) => left - right);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
