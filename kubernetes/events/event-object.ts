/** Occurrences as objects of events.k8s.io/v1, within the limits of its validation (pkg/apis/core/validation/events.go). */
import { apiVersionOf, EVENTS } from '../api/resources.ts';
import type { Occurrence } from './event-book.ts';

/** Events about cluster-scoped objects live here, by convention. */
const CLUSTER_NAMESPACE = 'default';
const NOTE_BYTES_MAX = 1_024;
const WORD_CHARS_MAX = 128;
/** Leaves room for the suffix within the 253 characters of a name. */
const NAME_CHARS_MAX = 230;
const SUFFIX_BYTES = 8;

export interface Reporter {
  /** A qualified name, e.g. `isthmus.dev/controller`. */
  readonly controller: string;
  /** e.g. the name of the pod. */
  readonly instance: string;
}

export interface EventObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly namespace: string; readonly name: string };
  readonly [field: string]: unknown;
}

export function eventNamespace({ regarding }: Occurrence): string {
  return regarding.namespace ?? CLUSTER_NAMESPACE;
}

/** `suffix`: random, so that a name is never used twice. */
export function eventObject(
  occurrence: Occurrence,
  of: { readonly reporter: Reporter; readonly epochMs: number; readonly suffix: Uint8Array },
): EventObject {
  const { regarding, type, reason, action, note } = occurrence;
  const suffix = Buffer.from(of.suffix.subarray(0, SUFFIX_BYTES)).toString('hex');
  return {
    apiVersion: apiVersionOf(EVENTS),
    kind: EVENTS.kind,
    metadata: { namespace: eventNamespace(occurrence), name: `${regarding.name.slice(0, NAME_CHARS_MAX)}.${suffix}` },
    eventTime: microTime(of.epochMs),
    reportingController: of.reporter.controller,
    reportingInstance: of.reporter.instance.slice(0, WORD_CHARS_MAX),
    regarding,
    type,
    reason: reason.slice(0, WORD_CHARS_MAX),
    action: action.slice(0, WORD_CHARS_MAX),
    note: shortened(note),
  };
}

/** As a merge patch. */
export function seriesPatch(series: { readonly count: number; readonly lastEpochMs: number }): unknown {
  return { series: { count: series.count, lastObservedTime: microTime(series.lastEpochMs) } };
}

/** meta/v1 MicroTime: exactly six digits, others are refused. */
function microTime(epochMs: number): string {
  return new Date(epochMs).toISOString().replace('Z', '000Z');
}

function shortened(note: string): string {
  if (Buffer.byteLength(note) <= NOTE_BYTES_MAX) return note;
  // A character that was cut in two decodes as U+FFFD.
  return Buffer.from(note)
    .subarray(0, NOTE_BYTES_MAX - 6)
    .toString('utf8')
    .replace(/\uFFFD+$/, '')
    .concat('…');
}
