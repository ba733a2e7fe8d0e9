import type { FailoverOrders } from './failover-order.ts';
import type { ImportFilter } from './imports.ts';
import type { ImportPins } from './state.ts';

/** What the people of a site have decided about what it takes from its clusterset. Unchanged parts keep their identity. */
export interface SitePolicies {
  /** Absent: nearest first. */
  readonly failover?: FailoverOrders | undefined;
  /** Absent: any cluster may supply any namespace. */
  readonly pins?: ImportPins | undefined;
  /** Instead of those of the Site. Absent: as the Site says. */
  readonly imports?: ImportFilter | undefined;
}

export const NO_SITE_POLICIES: SitePolicies = {};
