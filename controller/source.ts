import type { ServiceKey } from '../federation/model/ids.ts';
import type { LocalView } from '../federation/model/local.ts';
import type { Finding } from '../runtime/errors.ts';

/** Where a controller's own services come from: files, or the API server of its cluster. */
export interface Source {
  readonly view: LocalView;
  readonly findings: readonly Finding[];
  /** Whether `view` means anything. Until then nothing is published and no gateway programmed: unknown is not empty. */
  readonly known: boolean;
  /** Calls `listener` after every change of view, findings or `known`. */
  onChange(listener: (view: LocalView, findings: readonly Finding[]) => void): () => void;
  /** Since when services are exported, as the leader before told it, where the source does not know by itself. */
  adoptFirstSeen(times: ReadonlyMap<ServiceKey, number>): Promise<void>;
}
