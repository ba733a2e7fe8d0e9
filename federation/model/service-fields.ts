import { isDnsLabel } from './ids.ts';
import {
  ANNOTATION_CHARS_MAX,
  LABEL_VALUE,
  LABELS_MAX,
  QUALIFIED_NAME,
  QUALIFIED_NAME_CHARS_MAX,
} from './record-schemas.ts';

/**
 * Plain checks of what a service record is made of, for its quick readers. Each says no to more than `recordSchema` does
 * and yes to nothing that it refuses. Maps and objects must list their keys in the order of RFC 8785.
 */
export type Fields = Readonly<Record<string, unknown>>;

const LABEL_CHARS_MAX = 63;

/** An object with none but these fields, in order. */
export function isFields(value: unknown, known: ReadonlySet<string>): value is Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  let last = '';
  for (const key in value) {
    if (key <= last || !known.has(key)) return false;
    last = key;
  }
  return true;
}

export function isWhole(value: unknown, min: number, max: number): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= min && value <= max;
}

export function isLabel(value: unknown): value is string {
  return typeof value === 'string' && isDnsLabel(value);
}

export function isLabelValue(value: unknown): boolean {
  return typeof value === 'string' && value.length <= LABEL_CHARS_MAX && LABEL_VALUE.test(value);
}

export function areLabels(value: unknown): value is ServiceTexts {
  return isTextMap(value, isLabelValue);
}

export function areAnnotations(value: unknown): value is ServiceTexts {
  return isTextMap(value, isAnnotation);
}

export type ServiceTexts = Readonly<Record<string, string>>;

function isAnnotation(value: unknown): boolean {
  return typeof value === 'string' && value.length <= ANNOTATION_CHARS_MAX && value.isWellFormed();
}

function isTextMap(value: unknown, isValue: (value: unknown) => boolean): value is ServiceTexts {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  // Read as a dictionary of unknown values; each is checked below.
  const map = value as Fields;
  let last = '';
  let size = 0;
  for (const key in map) {
    const sound = key > last && key.length <= QUALIFIED_NAME_CHARS_MAX && QUALIFIED_NAME.test(key) && isValue(map[key]);
    size += 1;
    if (!sound || size > LABELS_MAX) return false;
    last = key;
  }
  return true;
}
