import { accessManifests } from './access.ts';
import type { Installation, Manifest } from './common.ts';
import { policyManifests, serviceManifests } from './network.ts';
import { configManifest, controllerDeployment, gatewayDeployment } from './pods.ts';

/**
 * Everything that an installation puts into its cluster besides the namespace and the CRDs, in the order of applying. The
 * chart renders the same objects; `deploy/chart/chart.test.ts` compares the two.
 */
export function installManifests(installation: Installation): readonly Manifest[] {
  return [
    ...accessManifests(installation),
    configManifest(installation),
    ...serviceManifests(installation),
    controllerDeployment(installation),
    gatewayDeployment(installation),
    ...policyManifests(installation),
  ];
}
