import { Deployment } from '../deployment.ts';
import { kept } from '../kept.ts';
import { storeCase } from '../store-case.ts';
import type { Scene } from '../store-case.ts';

export const storeSwap = storeCase({
  name: 'store-swap',
  row: 'a running federation moves to another store, site by site, with two stores for a while: nothing is removed',
  layouts: ['alone', 'sentinel', 'cluster'],
  inject: async (scene) => {
    const next = await Deployment.start(scene.stage);
    await restartEach(scene, (servers, cluster) => [servers.urlOf(cluster), next.urlOf(cluster)]);
    await restartEach(scene, (_, cluster) => [next.urlOf(cluster)]);
    await scene.servers.killAll();
  },
  expect: async ({ federation }) => {
    await federation.untilEqual();
  },
});

/** One after the other, as an operator does it. The site that restarts has no callers in this process meanwhile. */
async function restartEach(
  { federation, servers }: Scene,
  storesOf: (servers: Deployment, cluster: Scene['federation']['east']['cluster']) => readonly string[],
): Promise<void> {
  for (const site of federation.sites) {
    await kept(federation, async () => {
      await site.stop();
      await site.start(storesOf(servers, site.cluster));
      for (const other of federation.sites) await federation.change(other);
      await federation.untilEqual();
    });
  }
}
