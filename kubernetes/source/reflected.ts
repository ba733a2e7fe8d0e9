import type { Finding } from '../../runtime/errors.ts';
import type { ObjectKey } from '../api/objects.ts';

/** What the sources need of a reflector (`list-watch/reflector.ts`). */
export interface Reflected<T> {
  readonly objects: ReadonlyMap<ObjectKey, T>;
  /** A complete list was seen: what is not in `objects` is not there. */
  readonly synced: boolean;
  /** What keeps it from the API server, if anything does. */
  readonly findings: readonly Finding[];
  /** Called with every batch of changes, and when `synced` or `findings` change. Returns what takes it off again. */
  onChange(listener: (change: { readonly changed: ReadonlyMap<ObjectKey, T | undefined> }) => void): () => void;
  start(): void;
  close(): Promise<void>;
}
