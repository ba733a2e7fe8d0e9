/**
 * List and watch as a value: `step(state, input)` gives the next state, what became known, and the one thing to do next. No
 * clock, no socket, no object is looked into, so every order of answers that a server, a proxy or a restore can give is a
 * line in a table of the tests.
 *
 *     start -> list page* -> complete -> watch -> (event | bookmark)* -> closed -> watch ...
 *
 * What the machine knows is where it stands (`version`); what the objects are is with its caller, who is told `begin`
 * (mark all as not seen), `changed`, `deleted` and `complete` (what was not seen is gone). `complete` comes after the last
 * page of one uninterrupted list and at no other time: a server that refuses, forgets or breaks off never looks empty.
 */
import { assertNever } from '../../runtime/errors.ts';
import type { Failure } from './failure.ts';
import {
  type Chance,
  delayMs,
  isEarly,
  PAGED_ATTEMPTS,
  slowDelayMs,
  smallerPage,
  STABLE_MS,
  WATCHES_PER_LIST,
  watchSeconds,
} from './pace.ts';
import type { Action, Emission, Input, Position, Resumption, State, Step } from './states.ts';
import { isOlder } from './versions.ts';

export function step<O>(state: State, input: Input<O>, chance: Chance): Step<O> {
  switch (input.type) {
    case 'start':
      return list(state);
    case 'page':
      return state.phase === 'listing' ? page(state, input, chance) : stay(state);
    case 'probed':
      return state.phase === 'probing' ? probed(state, input.version, chance) : stay(state);
    case 'opened':
      return stay({ ...state, trouble: undefined });
    case 'changed':
    case 'deleted':
    case 'bookmark':
      return state.phase === 'watching' ? event(state, input, chance) : stay(state);
    case 'unknown':
      return stay(state);
    case 'closed':
      return state.phase === 'watching' ? closed(state, input.afterMs, chance) : stay(state);
    case 'silent':
      return state.phase === 'watching' ? probe(state) : stay(state);
    case 'failed':
      return failed(state, input, chance);
    case 'due':
      return state.phase === 'waiting' ? due(state) : stay(state);
    default:
      return assertNever(input);
  }
}

function stay<O>(state: State): Step<O> {
  return { state, emit: [], next: { type: 'read' } };
}

function list<O>(state: State, expired = 0): Step<O> {
  const limit = expired >= PAGED_ATTEMPTS ? 0 : state.limit;
  const listing = { ...position(state), phase: 'listing', begun: false, continueToken: undefined, expired } as const;
  return { state: listing, emit: [], next: { type: 'list', limit, continueToken: undefined } };
}

function page<O>(
  state: State & { phase: 'listing' },
  { objects, version, continueToken }: Input<O> & { type: 'page' },
  chance: Chance,
): Step<O> {
  // Not at the request, but with its first answer: a list that is refused has begun nothing.
  const begin: readonly Emission<O>[] = state.begun ? [] : [{ type: 'begin' }];
  const emit: readonly Emission<O>[] = [...begin, { type: 'changed', objects }];
  if (continueToken !== undefined) return nextPage({ ...state, begun: true, failures: 0 }, continueToken, emit);
  const known = { ...position(state), failures: 0, watchesSinceList: 0, trouble: undefined };
  const { state: watching, next } = watch<O>(known, version, chance);
  return { state: watching, emit: [...emit, { type: 'complete' }], next };
}

function nextPage<O>(
  state: State & { phase: 'listing' },
  continueToken: string,
  emit: readonly Emission<O>[],
): Step<O> {
  return { state: { ...state, continueToken }, emit, next: { type: 'list', limit: state.limit, continueToken } };
}

function watch<O>(at: Position, version: string, chance: Chance): Step<O> {
  const seconds = watchSeconds(chance);
  return {
    state: { ...position(at), phase: 'watching', version, seconds },
    emit: [],
    next: { type: 'watch', version, seconds },
  };
}

function event<O>(
  state: State & { phase: 'watching' },
  input: Input<O> & { type: 'changed' | 'deleted' | 'bookmark' },
  chance: Chance,
): Step<O> {
  // Time ran backwards under an open watch: the server was restored. What else it forgot only a list can tell.
  if (isOlder(input.version, state.version)) {
    return listSoon({ ...state, unstable: state.unstable + 1 }, chance);
  }
  const { version } = input;
  const watching: State = { ...state, version, failures: 0, unstable: 0, trouble: undefined };
  const next: Action = { type: 'read' };
  switch (input.type) {
    case 'bookmark':
      return { state: watching, emit: [], next };
    case 'changed':
      return { state: watching, emit: [{ type: 'changed', objects: [input.object] }], next };
    case 'deleted':
      return { state: watching, emit: [{ type: 'deleted', object: input.object }], next };
    default:
      return assertNever(input);
  }
}

function closed<O>(state: State & { phase: 'watching' }, afterMs: number, chance: Chance): Step<O> {
  if (isEarly(state, afterMs)) {
    // A server that is going down ends its watches in order. It may come back with an older past: ask before watching.
    const unstable = unstableAfter(state, afterMs);
    return wait({ ...state, unstable }, 'probe', delayMs(unstable, chance));
  }
  const watchesSinceList = state.watchesSinceList + 1;
  if (watchesSinceList >= WATCHES_PER_LIST) return list({ ...state, watchesSinceList });
  return watch({ ...state, watchesSinceList, unstable: 0 }, state.version, chance);
}

function probe<O>(state: State & { readonly version: string }): Step<O> {
  return { state: { ...position(state), phase: 'probing', version: state.version }, emit: [], next: { type: 'probe' } };
}

function probed<O>(state: State & { phase: 'probing' }, version: string, chance: Chance): Step<O> {
  const answered = { ...state, failures: 0 };
  // A watch from a version that the server has yet to reach is silent until it does, and then tells only what comes after.
  return isOlder(version, state.version) ? list(answered) : watch(answered, state.version, chance);
}

function failed<O>(state: State, { failure, afterMs }: Input<O> & { type: 'failed' }, chance: Chance): Step<O> {
  if (state.phase === 'watching')
    return watchFailed({ ...state, unstable: unstableAfter(state, afterMs) }, failure, chance);
  const failures = state.failures + 1;
  const known = { ...state, failures };
  const troubled = { ...known, trouble: failure };
  const patience = Math.max(delayMs(failures, chance), failure.retryAfterMs ?? 0);
  const expired = state.phase === 'listing' ? state.expired : 0;
  // A list that broke off begins anew: the server may come back with another past, and its pages are one snapshot.
  const anew = state.phase === 'probing' ? 'probe' : 'list';
  switch (failure.kind) {
    case 'expired':
    case 'ahead':
      return wait(known, 'list', patience, { expired: expired + 1 });
    case 'too-large':
      return wait({ ...troubled, limit: smallerPage(state.limit) }, 'list', patience);
    case 'throttled':
      return state.phase === 'listing' && state.begun
        ? wait(troubled, 'page', patience, { expired, continueToken: state.continueToken })
        : wait(troubled, anew, patience, { expired });
    case 'forbidden':
      return wait(troubled, anew, slowDelayMs(chance), { expired });
    case 'absent':
      // A definition that was deleted has taken its objects along, and a new one has a past of its own.
      return wait(troubled, 'list', slowDelayMs(chance));
    case 'malformed':
    case 'busy':
    case 'unreachable':
      return wait(troubled, anew, patience, { expired });
    default:
      return assertNever(failure.kind);
  }
}

function watchFailed<O>(state: State & { phase: 'watching' }, failure: Failure, chance: Chance): Step<O> {
  const troubled = { ...state, trouble: failure };
  const patience = Math.max(delayMs(state.unstable, chance), failure.retryAfterMs ?? 0);
  switch (failure.kind) {
    case 'expired':
    case 'ahead':
      return listSoon(state, chance);
    case 'forbidden':
      return wait(troubled, 'probe', slowDelayMs(chance));
    case 'absent':
      return wait(troubled, 'list', slowDelayMs(chance));
    case 'malformed':
      // The line is asked for again, once; then the list has to tell what it said.
      return wait(troubled, state.unstable <= 1 ? 'probe' : 'list', patience);
    case 'too-large':
    case 'throttled':
    case 'busy':
    case 'unreachable':
      return wait(troubled, 'probe', patience);
    default:
      return assertNever(failure.kind);
  }
}

/** Ordinary once, so that it is done at once; a server with which it goes on like this is not asked in a circle. */
function listSoon<O>(state: State & { phase: 'watching' }, chance: Chance): Step<O> {
  return state.unstable <= 1 ? list(state) : wait(state, 'list', delayMs(state.unstable, chance));
}

function wait<O>(
  at: State,
  resume: Resumption,
  ms: number,
  of: { readonly continueToken?: string | undefined; readonly expired?: number } = {},
): Step<O> {
  const { continueToken, expired = 0 } = of;
  return {
    state: { ...position(at), phase: 'waiting', resume, continueToken, expired },
    emit: [],
    next: { type: 'wait', ms },
  };
}

function due<O>(state: State & { phase: 'waiting' }): Step<O> {
  const { version, resume, continueToken, expired } = state;
  if (resume === 'page' && continueToken !== undefined) {
    return nextPage({ ...position(state), phase: 'listing', begun: true, continueToken, expired }, continueToken, []);
  }
  return resume === 'probe' && version !== undefined ? probe({ ...state, version }) : list(state, expired);
}

function unstableAfter(state: State, afterMs: number): number {
  return afterMs >= STABLE_MS ? 1 : state.unstable + 1;
}

function position({ version, failures, unstable, limit, watchesSinceList, trouble }: Position): Position {
  return { version, failures, unstable, limit, watchesSinceList, trouble };
}
