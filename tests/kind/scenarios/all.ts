/** In this order on one set of clusters: each leaves the clusters as linked as it found them. */
import type { Scenario } from '../scenario.ts';
import { exchange } from './exchange.ts';
import { failover } from './failover.ts';

export const SCENARIOS: readonly Scenario[] = [exchange, failover];
