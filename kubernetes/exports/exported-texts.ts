import { compareText } from '../../federation/model/ids.ts';
import {
  ANNOTATION_CHARS_MAX,
  LABEL_VALUE,
  LABELS_MAX,
  QUALIFIED_NAME,
  QUALIFIED_NAME_CHARS_MAX,
} from '../../federation/model/record-schemas.ts';

/**
 * Labels and annotations that an export hands on. The API takes any text for them, a record does not: what no reader would
 * take is left out by name, because one bad annotation must not take a service away from everybody.
 */
export interface ExportedTexts {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** For people: what was left out and why. */
  readonly notes: readonly string[];
}

type Texts = Readonly<Record<string, string>>;

/** All annotations together: a record has 256 KiB, and the endpoints' weights need room as well. */
const ANNOTATIONS_CHARS_MAX = 64 * 1024;
const NAMED_MAX = 5;
const NAME_CHARS_SHOWN = 80;

export function exportedTexts(wanted: { readonly labels: Texts; readonly annotations: Texts }): ExportedTexts {
  const labels = keepSound(wanted.labels, isLabelValue, Number.POSITIVE_INFINITY);
  const annotations = keepSound(wanted.annotations, isAnnotation, ANNOTATIONS_CHARS_MAX);
  return {
    labels: labels.kept,
    annotations: annotations.kept,
    notes: [...noteOf('labels', labels.dropped), ...noteOf('annotations', annotations.dropped)],
  };
}

function isLabelValue(value: string): boolean {
  return LABEL_VALUE.test(value);
}

function isAnnotation(value: string): boolean {
  return value.length <= ANNOTATION_CHARS_MAX && value.isWellFormed();
}

function keepSound(
  texts: Texts,
  isValue: (value: string) => boolean,
  charsMax: number,
): { readonly kept: Texts; readonly dropped: readonly string[] } {
  const kept: [string, string][] = [];
  const dropped: string[] = [];
  let chars = 0;
  for (const [name, value] of Object.entries(texts).sort((left, right) => compareText(left[0], right[0]))) {
    const isSound = name.length <= QUALIFIED_NAME_CHARS_MAX && QUALIFIED_NAME.test(name) && isValue(value);
    if (!isSound || kept.length >= LABELS_MAX || chars + name.length + value.length > charsMax) {
      dropped.push(name);
      continue;
    }
    chars += name.length + value.length;
    kept.push([name, value]);
  }
  // `fromEntries` defines properties, so that a name such as `__proto__` is only a name.
  return { kept: Object.fromEntries(kept), dropped };
}

function noteOf(what: string, dropped: readonly string[]): readonly string[] {
  if (dropped.length === 0) return [];
  const named = dropped.slice(0, NAMED_MAX).map((name) => JSON.stringify(name.slice(0, NAME_CHARS_SHOWN)));
  const more = dropped.length > NAMED_MAX ? ` and ${dropped.length - NAMED_MAX} more` : '';
  return [`exported ${what} left out, as invalid, too long or too many: ${named.join(', ')}${more}`];
}
