import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { Cluster_DiscoveryType, ClusterSchema } from '../gen/envoy/config/cluster/v3/cluster_pb.ts';
import { encodeResource, type TypedResource } from '../resources/encode.ts';
import { TYPE_URL } from '../snapshot.ts';
import { adsSource, endpoints, snapshotOf } from './envoy-resources.fixture.ts';
import {
  eventually,
  freePort,
  listen,
  makeFolder,
  startAgent,
  startController,
  TestAuthority,
  WAIT_MS,
} from './site.fixture.ts';

function checkedCluster(name: string, altStatName = ''): TypedResource {
  return encodeResource(TYPE_URL.cluster, name, ClusterSchema, {
    name,
    altStatName,
    clusterDiscoveryType: { case: 'type', value: Cluster_DiscoveryType.EDS },
    connectTimeout: durationFromMs(250),
    edsClusterConfig: { edsConfig: adsSource() },
    healthChecks: [
      {
        interval: durationFromMs(100),
        noTrafficInterval: durationFromMs(100),
        timeout: durationFromMs(1_000),
        unhealthyThreshold: 1,
        healthyThreshold: 1,
        healthChecker: { case: 'tcpHealthCheck', value: {} },
      },
    ],
  });
}

test('the controller hears of peers and checked endpoints, and of one that dies; envoy counts by peer and service', async () => {
  await using made = new AsyncDisposableStack();
  const folder = made.use(await makeFolder());
  const living = createServer();
  const port = await listen(living);
  made.defer(() => void living.close());
  const deadPort = await freePort();
  const key = 'b'.repeat(32);
  const snapshot = snapshotOf(
    ...[checkedCluster('peer|west'), endpoints('peer|west', port, deadPort)],
    ...[checkedCluster('export|ns/web:80'), endpoints('export|ns/web:80', port)],
    ...[checkedCluster(key, 'export|ns/db:5432'), endpoints(key, deadPort)],
  );
  const socketPath = join(folder.path, 'c.sock');
  const controller = made.use(await startController({ socketPath, authority: new TestAuthority(), snapshot }));
  const agent = made.use(await startAgent({ controllerSocket: socketPath, stateDir: join(folder.path, 'g') }));
  await agent.live(AbortSignal.timeout(WAIT_MS));

  const latest = () => controller.reports.at(-1);
  const isHealthy = (service: string) => latest()?.endpoints.find((endpoint) => endpoint.service === service)?.healthy;
  await eventually(
    () => latest()?.envoyLive === true && isHealthy('ns/web:80') === true && isHealthy('ns/db:5432') === false,
  );
  const peers = latest()?.peers.map(({ cluster, healthy, total }) => ({ cluster, healthy, total }));
  assert.deepEqual(peers, [{ cluster: 'west', healthy: 1, total: 2 }]);
  await new Promise((resolve) => living.close(resolve));
  await eventually(() => isHealthy('ns/web:80') === false && latest()?.peers[0]?.healthy === 0);

  const stats = (await agent.admin.get('/stats/prometheus?filter=membership_total')).toString('utf8');
  assert.match(stats, /^envoy_cluster_membership_total\{.*isthmus_peer="west".*\} 2$/m);
  assert.match(stats, /^envoy_cluster_membership_total\{.*isthmus_service="ns\/web[:_]80".*\} 1$/m);
});
