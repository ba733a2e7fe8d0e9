/** Where others reach this cluster's gateways, as a real API server tells it, and what of it outlives a restart. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { ClusterReflectors } from '../../../controller/kubernetes/cluster-reflectors.ts';
import { ENDPOINT_SLICES, NAMESPACES, NODES, SERVICES } from '../../../kubernetes/api/resources.ts';
import { openKubeTransport } from '../../../kubernetes/client.ts';
import { DEFAULT_NAMESPACE, OWN_NAMES } from '../../../kubernetes/names.ts';
import { GatewayWatch } from '../../../kubernetes/source/gateway-watch.ts';
import { SystemClock } from '../../../runtime/clock.ts';
import { silentLogger } from '../../../runtime/log.ts';
import { Metrics } from '../../../runtime/metrics.ts';
import { SystemRandom } from '../../../runtime/random.ts';
import { until } from '../../redis/until.ts';
import { endpointSlice, namespace, node, service } from '../objects.ts';
import { type KubeServer, startKubeServer } from '../server.ts';

const clock = new SystemClock();
const AT = { namespace: DEFAULT_NAMESPACE, name: OWN_NAMES.gateway };

interface OpenWatch extends AsyncDisposable {
  readonly watch: GatewayWatch;
}

async function openWatch(server: KubeServer, memoryFile: string): Promise<OpenWatch> {
  const transport = openKubeTransport({ kubeconfig: server.kubeconfig }, { clock });
  const components = { clock, metrics: new Metrics(), log: silentLogger, random: new SystemRandom(), transport };
  const { gateway } = new ClusterReflectors(components, { namespace: DEFAULT_NAMESPACE });
  const watch = new GatewayWatch({ ...components, ...gateway }, { fixed: [], dev: false, memoryFile });
  await watch.start();
  const close = async (): Promise<void> => {
    await watch.close();
    transport.close();
  };
  return { watch, [Symbol.asyncDispose]: close };
}

function hosts({ watch }: OpenWatch): string {
  return (watch.facts?.addresses ?? []).map(({ host, port }) => `${host}:${port}`).join();
}

const fact = (what: string, holds: () => boolean): Promise<void> => until(what, () => Promise.resolve(holds()));

describe('where a real cluster’s gateways are', () => {
  let server: KubeServer;
  let folder = '';
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'isthmus-gateway-'));
    server = await startKubeServer({ name: 'gateway' });
    await server.admin.create(NAMESPACES, namespace(DEFAULT_NAMESPACE));
  });
  after(async () => {
    await server[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  it('follows the Service from nothing to node ports to a load balancer, and remembers it in the dark', async () => {
    const memory = join(folder, 'facts');
    const remembered = await (async () => {
      await using opened = await openWatch(server, memory);
      await fact('the first list', () => opened.watch.facts?.origin === 'None');
      assert.ok(opened.watch.findings.some(({ reason }) => reason === 'NoGatewayAddress'));
      const ports = [{ name: 'gateway', port: 15_443, nodePort: 30_443 }];
      await server.admin.create(SERVICES, service(AT, { type: 'LoadBalancer', ports }));
      await server.admin.create(NODES, node('n1', { addresses: ['10.9.0.1'] }));
      await fact('the node port', () => hosts(opened) === '10.9.0.1:30443');
      await server.admin.create(NODES, node('n2', { addresses: ['10.9.0.2'] }));
      await fact('the second node', () => hosts(opened) === '10.9.0.1:30443,10.9.0.2:30443');
      const pods = [{ addresses: ['10.1.0.5'], nodeName: 'n1', targetRef: { kind: 'Pod', name: 'gw-a' } }];
      await server.admin.create(ENDPOINT_SLICES, endpointSlice(AT, { service: AT.name, endpoints: pods }));
      await fact('the pod', () => opened.watch.facts?.pods[0]?.name === 'gw-a');
      await server.admin.patchStatus(SERVICES, AT, { loadBalancer: { ingress: [{ ip: '203.0.113.5' }] } });
      await fact('the load balancer', () => hosts(opened) === '203.0.113.5:15443');
      return opened.watch.facts;
    })();
    await server.kill();
    await using dark = await openWatch(server, memory);
    assert.deepEqual(dark.watch.facts, remembered);
    await server.restart();
    await server.admin.patchStatus(SERVICES, AT, { loadBalancer: { ingress: [{ hostname: 'gw.example.org' }] } });
    await fact('the name', () => hosts(dark) === 'gw.example.org:15443');
  });
});
