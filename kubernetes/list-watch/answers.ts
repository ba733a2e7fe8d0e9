/** What a server says to a list or a watch, as inputs of the machine. Objects stay as they came, but for what nobody reads. */
import type { KubeObject } from '../api/objects.ts';
import { failureOfStatus, MalformedAnswer } from './failure.ts';
import type { Input } from './states.ts';

/** Holds the whole object once more, as `kubectl apply` wrote it. */
const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';

/** @throws MalformedAnswer */
export function readPage(answer: unknown): Input<KubeObject> & { type: 'page' } {
  const { metadata, items } = record(answer, 'list');
  const { resourceVersion, continue: next } = record(metadata, 'metadata of the list');
  // Go encodes an empty list of some kinds as null.
  const objects: readonly unknown[] = Array.isArray(items) ? items : [];
  if (!Array.isArray(items) && items !== null && items !== undefined) throw new MalformedAnswer('items are no list');
  return {
    type: 'page',
    objects: objects.map((item) => readObject(item)),
    version: text(resourceVersion, 'resourceVersion of the list'),
    continueToken: typeof next === 'string' && next !== '' ? next : undefined,
  };
}

/** Of one line of a watch; `afterMs` as in `Input`. @throws MalformedAnswer */
export function readEvent(line: string, afterMs: number): Input<KubeObject> {
  const { type, object } = record(parse(line), 'watch event');
  switch (type) {
    case 'ADDED':
    case 'MODIFIED':
      return { type: 'changed', ...versioned(object) };
    case 'DELETED':
      return { type: 'deleted', ...versioned(object) };
    case 'BOOKMARK': {
      const { resourceVersion } = record(record(object, 'bookmark')['metadata'], 'metadata of a bookmark');
      return { type: 'bookmark', version: text(resourceVersion, 'resourceVersion of a bookmark') };
    }
    case 'ERROR':
      return { type: 'failed', failure: failureOfStatus(object), afterMs };
    default:
      return { type: 'unknown' };
  }
}

function versioned(value: unknown): { object: KubeObject; version: string } {
  const object = readObject(value);
  return { object, version: text(object.metadata.resourceVersion, 'resourceVersion of an object') };
}

function readObject(value: unknown): KubeObject {
  const object = record(value, 'object');
  const metadata = record(object['metadata'], 'metadata of an object');
  text(metadata['name'], 'name of an object');
  // Half of what a server sends. The object is ours alone: it was parsed for this call.
  delete metadata['managedFields'];
  const { annotations } = metadata;
  if (typeof annotations === 'object' && annotations !== null) Reflect.deleteProperty(annotations, LAST_APPLIED);
  // It has a name; all else of a KubeObject is optional, and readers take nothing for granted.
  return object as unknown as KubeObject;
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch (error) {
    throw new MalformedAnswer('a line of the watch is not JSON', { cause: error });
  }
}

function record(value: unknown, what: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null) throw new MalformedAnswer(`the ${what} is not an object`);
  return value as Record<string, unknown>; // any object can be asked for its fields
}

function text(value: unknown, what: string): string {
  if (typeof value !== 'string' || value === '') throw new MalformedAnswer(`the ${what} is missing`);
  return value;
}
