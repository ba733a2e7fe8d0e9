import { parseClusterId } from '../../../federation/model/ids.ts';
import { SystemRandom } from '../../../runtime/random.ts';
import { makeToken } from '../../../trust/token.ts';

/** Looks as an authority's does. Nobody will ever redeem it. */
export function tokenFor(cluster: string, clusterset = 'prod.example.org'): string {
  const fields = { store: 'redis://redis.example.org', rootFingerprint: 'ab'.repeat(32), clustersetDomain: clusterset };
  return makeToken({ ...fields, cluster: parseClusterId(cluster), nowMs: Date.now() }, new SystemRandom()).reveal();
}
