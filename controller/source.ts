import type { ServiceKey } from '../federation/model/ids.ts';
import type { LocalView } from '../federation/model/local.ts';
import type { SitePolicies } from '../federation/model/site-policies.ts';
import type { Finding } from '../runtime/errors.ts';

/** Where a controller's own services come from: files, or the API server of its cluster. */
export interface Source {
  readonly view: LocalView;
  readonly policies: SitePolicies;
  readonly findings: readonly Finding[];
  /** Whether `view` and `policies` mean anything. Until then nothing is published and no gateway programmed: unknown is not empty. */
  readonly known: boolean;
  /** Calls `listener` after every change of view, policies, findings or `known`. */
  onChange(listener: (view: LocalView, findings: readonly Finding[]) => void): () => void;
  /** Since when services are exported, as the leader before told it, where the source does not know by itself. */
  adoptFirstSeen(times: ReadonlyMap<ServiceKey, number>): Promise<void>;
}
