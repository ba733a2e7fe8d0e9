import type { ResourceVersion } from './programmed.ts';

/**
 * What a traced controller says of one change: a line of JSON per step, stamped where the step happened. The stamps of
 * several processes of one machine can be compared, because all read the same clock.
 */
export type Note =
  | { readonly is: 'ready'; readonly atMs: number }
  /** The file source handed over a new view: the file was seen, read, parsed and validated. */
  | { readonly is: 'source'; readonly atMs: number }
  /** The new records were handed to the publisher. */
  | { readonly is: 'derived'; readonly atMs: number }
  /** The signed commit was handed to the store; `committed`: the store confirmed it. */
  | { readonly is: 'commit' | 'committed'; readonly atMs: number; readonly version: number }
  | { readonly is: 'hint'; readonly atMs: number; readonly cluster: string; readonly version: number }
  /** The delta has been read; `accepted`: it has been verified; `view`: its mark is on disk and it is part of the world. */
  | { readonly is: 'read' | 'accepted' | 'view'; readonly atMs: number; readonly cluster: string }
  /** A snapshot goes out, which differs from the last one in these. */
  | { readonly is: 'snapshot'; readonly atMs: number; readonly changed: readonly ResourceVersion[] }
  /** Envoy uses these now. */
  | { readonly is: 'acknowledged'; readonly atMs: number; readonly versions: readonly ResourceVersion[] };

/** CLOCK_MONOTONIC, whose start all processes of a machine share; `performance.now` starts anew in each. */
export function stampMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
