import type { Check } from './check.ts';
import type { Edit } from './edits.ts';

/** One failover setting taken out, or put back to what Envoy does by default. */
export interface Mutant {
  readonly name: string;
  /** In Envoy's words. */
  readonly setting: string;
  /** Where the product sets it. */
  readonly file: string;
  /** What goes wrong without it. */
  readonly why: string;
  /** Must hold with the setting and break without it. */
  readonly check: Check;
  readonly edit: Edit;
}
