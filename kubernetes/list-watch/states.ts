/** The words of the list-watch machine: what it is told, where it can be, what it answers. */
import type { Failure } from './failure.ts';
import { PAGE_LIMIT } from './pace.ts';

export type Input<O> =
  | { readonly type: 'start' }
  | {
      readonly type: 'page';
      readonly objects: readonly O[];
      readonly version: string;
      readonly continueToken: string | undefined;
    }
  /** Answer to `probe`: the newest version of the server. */
  | { readonly type: 'probed'; readonly version: string }
  | { readonly type: 'opened' }
  | { readonly type: 'changed' | 'deleted'; readonly object: O; readonly version: string }
  | { readonly type: 'bookmark'; readonly version: string }
  /** A line of a type that does not exist yet. */
  | { readonly type: 'unknown' }
  /** The server ended the watch in order. */
  | { readonly type: 'closed'; readonly afterMs: number }
  /** Neither a line nor a bookmark, nor an end when it was due. */
  | { readonly type: 'silent' }
  /** `afterMs`: how long the watch had been open; 0 of all else. */
  | { readonly type: 'failed'; readonly failure: Failure; readonly afterMs: number }
  /** The wait is over. */
  | { readonly type: 'due' };

export type Emission<O> =
  | { readonly type: 'begin' }
  | { readonly type: 'changed'; readonly objects: readonly O[] }
  | { readonly type: 'deleted'; readonly object: O }
  | { readonly type: 'complete' };

/** Everything but `read` ends a watch that is open. */
export type Action =
  | { readonly type: 'list'; readonly limit: number; readonly continueToken: string | undefined }
  | { readonly type: 'probe' }
  | { readonly type: 'watch'; readonly version: string; readonly seconds: number }
  | { readonly type: 'read' }
  | { readonly type: 'wait'; readonly ms: number };

export interface Position {
  /** Complete up to here. Absent before the first complete list. */
  readonly version: string | undefined;
  /** Requests in a row without an answer of use. */
  readonly failures: number;
  /** Watches in a row that ended before they told anything. */
  readonly unstable: number;
  readonly limit: number;
  readonly watchesSinceList: number;
  /** Why what is known may be old. Absent while the server tells us. */
  readonly trouble: Failure | undefined;
}

export type State = Position &
  (
    | { readonly phase: 'new' }
    | {
        readonly phase: 'listing';
        readonly begun: boolean;
        readonly continueToken: string | undefined;
        /** Lists in a row that were cut off by 410. */
        readonly expired: number;
      }
    | { readonly phase: 'probing'; readonly version: string }
    | { readonly phase: 'watching'; readonly version: string; readonly seconds: number }
    | {
        readonly phase: 'waiting';
        readonly resume: Resumption;
        readonly continueToken: string | undefined;
        readonly expired: number;
      }
  );

/** `page`: the same page of the same list. */
export type Resumption = 'list' | 'page' | 'probe';

export interface Step<O> {
  readonly state: State;
  readonly emit: readonly Emission<O>[];
  readonly next: Action;
}

export function initialState(limit = PAGE_LIMIT): State {
  return {
    phase: 'new',
    version: undefined,
    failures: 0,
    unstable: 0,
    limit,
    watchesSinceList: 0,
    trouble: undefined,
  };
}
