import type { KubeObject } from '../api/objects.ts';
import { APPLIED_ANNOTATION, type Manifest } from './desired.ts';

/**
 * Whether an object is as it shall be. Only wanted fields are compared: the server adds defaults, others add labels, and
 * neither may make us write again.
 */
export function isApplied({ hash, body }: Manifest, present: KubeObject): boolean {
  // Items of a list do not say what kind they are of.
  const { apiVersion: _version, kind: _kind, ...fields } = body;
  return present.metadata.annotations?.[APPLIED_ANNOTATION] === hash && covers(present, fields);
}

/** True when `present` has everything that `wanted` says. Lists must have the same items; an empty value equals none. */
export function covers(present: unknown, wanted: unknown): boolean {
  if (Object.is(present, wanted) || wanted === undefined) return true;
  if (isEmpty(wanted)) return present === undefined || present === null || isEmpty(present);
  if (Array.isArray(wanted)) {
    if (!Array.isArray(present) || present.length !== wanted.length) return false;
    return wanted.every((item, index) => covers(present[index], item));
  }
  if (!isRecord(wanted) || !isRecord(present)) return false;
  return Object.entries(wanted).every(([key, value]) => covers(present[key], value));
}

function isEmpty(value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0;
  return isRecord(value) && Object.values(value).every((field) => field === undefined);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
