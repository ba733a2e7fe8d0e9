import { createHash } from 'node:crypto';
import type { FederationState } from '../../federation/model/state.ts';

/** A hash over what the merged state says of services: two controllers with the same one know the same. */
export function stateHash(state: FederationState): string {
  const hash = createHash('sha256');
  for (const [key, { backends }] of state.services) {
    hash.update(key);
    for (const { cluster, ready } of backends)
      hash.update(`|${cluster}=${ready.map((entry) => entry.ready).join(',')}`);
  }
  return hash.digest('hex').slice(0, 16);
}
