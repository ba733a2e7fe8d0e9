import type { Finding } from '../../runtime/errors.ts';
import type { ObjectKey } from '../api/objects.ts';

/** What the sources need of a reflector (`list-watch/reflector.ts`). */
export interface Reflected<T> {
  readonly objects: ReadonlyMap<ObjectKey, T>;
  /** What is not in `objects` is not there: a complete list was seen, or the kind is `absent`. */
  readonly synced: boolean;
  /** The API server does not know the kind: its definition is not installed, and there can be no objects of it. */
  readonly absent: boolean;
  /** What keeps it from the API server, if anything does. */
  readonly findings: readonly Finding[];
  /** Called with every batch of changes, and when `synced` or `findings` change. Returns what takes it off again. */
  onChange(listener: (change: { readonly changed: ReadonlyMap<ObjectKey, T | undefined> }) => void): () => void;
  start(): void;
  close(): Promise<void>;
}
