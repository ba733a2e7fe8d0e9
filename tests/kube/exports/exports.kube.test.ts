/** What a cluster exports, from a real API server: in any order, over a restart without it, and at size. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { LocalService } from '../../../federation/model/local.ts';
import { serviceKey } from '../../../federation/model/ids.ts';
import { sameValue } from '../../../federation/model/same-value.ts';
import {
  ENDPOINT_SLICES,
  EXPORT_GRANTS,
  NAMESPACES,
  SERVICE_EXPORTS,
  SERVICES,
} from '../../../kubernetes/api/resources.ts';
import { type OpenKubeTransport, openKubeTransport } from '../../../kubernetes/client.ts';
import { exportReflectors } from '../../../kubernetes/source/export-reflectors.ts';
import { KubernetesSource } from '../../../kubernetes/source/kubernetes-source.ts';
import { SystemClock } from '../../../runtime/clock.ts';
import { silentLogger } from '../../../runtime/log.ts';
import { Metrics } from '../../../runtime/metrics.ts';
import { SystemRandom } from '../../../runtime/random.ts';
import { until } from '../../redis/until.ts';
import { installCrds } from '../crds.ts';
import { endpointSlice, headlessService, namespace, service, serviceExport } from '../objects.ts';
import { type KubeServer, startKubeServer } from '../server.ts';

const clock = new SystemClock();
const NS = 'shop';

const fact = (what: string, holds: () => boolean): Promise<void> => until(what, () => Promise.resolve(holds()));

interface OpenSource extends AsyncDisposable {
  readonly source: KubernetesSource;
}

async function openSource(kubeconfig: string, memoryFile?: string): Promise<OpenSource> {
  const transport: OpenKubeTransport = openKubeTransport({ kubeconfig }, { clock });
  const metrics = new Metrics();
  const components = { clock, metrics, log: silentLogger, random: new SystemRandom(), transport };
  const source = new KubernetesSource({ ...components, reflectors: exportReflectors(components) }, { memoryFile });
  await source.start();
  const close = async (): Promise<void> => {
    await source.close();
    transport.close();
  };
  return { source, [Symbol.asyncDispose]: close };
}

function exported({ source }: OpenSource, name: string): LocalService | undefined {
  return source.view.services.get(serviceKey(NS, name));
}

function outcome({ source }: OpenSource, name: string): string | undefined {
  return source.exports.get(`${NS}/${name}`)?.outcome;
}

function addresses(opened: OpenSource, name: string): string {
  return (exported(opened, name)?.endpoints ?? []).map(({ address }) => address).join();
}

describe('what a real cluster exports', () => {
  let server: KubeServer;
  let opened: OpenSource;
  let folder = '';
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'isthmus-exports-'));
    server = await startKubeServer({ name: 'exports', controllers: true });
    await installCrds(server, { only: 'mcs' });
    await server.admin.create(NAMESPACES, namespace(NS));
    opened = await openSource(server.kubeconfig, join(folder, 'view'));
    await fact('the first list', () => opened.source.synced);
  });
  after(async () => {
    await opened[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  type Step = 'export' | 'service' | 'slice';
  const orders: readonly (readonly Step[])[] = [
    ['export', 'service', 'slice'],
    ['slice', 'service', 'export'],
    ['service', 'slice', 'export'],
    ['export', 'slice', 'service'],
  ];
  for (const [index, order] of orders.entries()) {
    it(`exports a Service whose objects come as ${order.join(', ')}, and lets it go in that order too`, async () => {
      const name = `order-${index}`;
      const at = { namespace: NS, name };
      const create: Record<Step, () => Promise<unknown>> = {
        export: () => server.admin.create(SERVICE_EXPORTS, serviceExport(at)),
        service: () => server.admin.create(SERVICES, service(at)),
        slice: () =>
          server.admin.create(ENDPOINT_SLICES, endpointSlice(at, { service: name, endpoints: ['10.1.0.1'] })),
      };
      for (const step of order) await create[step]();
      await fact('the export with its endpoint', () => addresses(opened, name) === '10.1.0.1');
      assert.deepEqual(exported(opened, name)?.endpoints[0]?.ports, { 80: 8080 });
      const of = { export: SERVICE_EXPORTS, service: SERVICES, slice: ENDPOINT_SLICES };
      for (const step of order) await server.admin.delete(of[step], at);
      await fact('nothing of it', () => exported(opened, name) === undefined && outcome(opened, name) === undefined);
    });
  }

  it('follows edits of the Service, its slices and the export', async () => {
    const at = { namespace: NS, name: 'edited' };
    await server.admin.create(SERVICES, service(at));
    await server.admin.create(ENDPOINT_SLICES, endpointSlice(at, { service: at.name, endpoints: ['10.1.0.2'] }));
    await server.admin.create(SERVICE_EXPORTS, serviceExport(at, { exportedLabels: { tier: 'one' } }));
    await fact('the export', () => addresses(opened, at.name) === '10.1.0.2');
    assert.deepEqual(exported(opened, at.name)?.labels, { tier: 'one' });
    await server.admin.patch(SERVICE_EXPORTS, at, {
      type: 'merge',
      body: { spec: { exportedLabels: { tier: 'two' } } },
    });
    await fact('the label', () => exported(opened, at.name)?.labels['tier'] === 'two');
    assert.equal(opened.source.exports.get(`${NS}/edited`)?.generation, 2);
    const ports = [{ name: 'http', port: 80, appProtocol: 'kubernetes.io/h2c' }];
    await server.admin.patch(SERVICES, at, { type: 'merge', body: { spec: { ports } } });
    await fact('the protocol', () => exported(opened, at.name)?.ports[0]?.appProtocol === 'http2');
    const endpoints = [{ addresses: ['10.1.0.2'], conditions: { ready: false } }, { addresses: ['10.1.0.3'] }];
    await server.admin.patch(ENDPOINT_SLICES, at, { type: 'merge', body: { endpoints } });
    await fact('the endpoints', () => exported(opened, at.name)?.endpoints.length === 2);
    assert.deepEqual(
      exported(opened, at.name)?.endpoints.map(({ ready }) => ready),
      [false, true],
    );
  });

  it('takes a headless Service with its host names, and refuses an ExternalName', async () => {
    const at = { namespace: NS, name: 'db' };
    await server.admin.create(SERVICES, headlessService(at));
    const endpoints = [{ addresses: ['10.1.0.7'], hostname: 'db-0', zone: 'z1' }];
    await server.admin.create(ENDPOINT_SLICES, endpointSlice(at, { service: at.name, endpoints }));
    await server.admin.create(SERVICE_EXPORTS, serviceExport(at));
    await fact('the host name', () => exported(opened, 'db')?.endpoints[0]?.hostname === 'db-0');
    assert.equal(exported(opened, 'db')?.type, 'Headless');
    const named = { namespace: NS, name: 'named' };
    await server.admin.create(
      SERVICES,
      service(named, { type: 'ExternalName', externalName: 'example.org' } as object),
    );
    await server.admin.create(SERVICE_EXPORTS, serviceExport(named));
    await fact('the verdict', () => outcome(opened, 'named') === 'invalid');
    assert.equal(exported(opened, 'named'), undefined);
  });

  it('knows the cluster without our own kinds, and sees grants once these are installed', async () => {
    assert.ok(opened.source.findings.some(({ reason }) => reason === 'KindNotInstalled'));
    await installCrds(server);
    await fact('the kind', () => opened.source.findings.every(({ reason }) => reason !== 'KindNotInstalled'));
  });

  it('grants an export to whom its namespace grants it', async () => {
    const at = { namespace: NS, name: 'granted' };
    await server.admin.create(SERVICES, service(at));
    await server.admin.create(SERVICE_EXPORTS, serviceExport(at));
    await fact('the export', () => exported(opened, at.name) !== undefined);
    assert.equal(exported(opened, at.name)?.grantedTo, undefined);
    const grant = { metadata: at, spec: { services: [at.name], to: [{ cluster: 'west' }] } };
    await server.admin.create(EXPORT_GRANTS, grant);
    await fact('the grant', () => exported(opened, at.name)?.grantedTo?.join() === 'west');
    await server.admin.delete(EXPORT_GRANTS, at);
    await fact('no grant', () => exported(opened, at.name)?.grantedTo === undefined);
  });

  it('exports nothing of a namespace that is being deleted', async () => {
    const at = { namespace: 'doomed', name: 'shop' };
    await server.admin.create(NAMESPACES, namespace('doomed'));
    await server.admin.create(SERVICES, service(at));
    await server.admin.create(SERVICE_EXPORTS, serviceExport(at));
    const key = serviceKey('doomed', 'shop');
    await fact('the export', () => opened.source.view.services.has(key));
    await server.admin.delete(NAMESPACES, { name: 'doomed' });
    await fact('no export', () => !opened.source.view.services.has(key));
  });

  it('serves from the disk while the API server is away, and catches up with what it missed', async () => {
    const memory = join(folder, 'dark');
    const known = await (async () => {
      await using first = await openSource(server.kubeconfig, memory);
      await fact('the first list', () => first.source.synced);
      return first.source.view;
    })();
    assert.ok(known.services.size >= 2);
    // Not in order: the server would wait a minute for the watches of the other source.
    await server.kill();
    await using second = await openSource(server.kubeconfig, memory);
    assert.equal(second.source.known, true);
    assert.equal(second.source.synced, false);
    assert.ok(sameValue([...second.source.view.services], [...known.services]));
    await using third = await openSource(server.kubeconfig);
    assert.equal(third.source.known, false, 'without a disk nothing is known, which is not the same as nothing');
    await fact('a finding', () => second.source.findings.some(({ reason }) => reason === 'ApiServerUnavailable'));
    await server.restart();
    await server.admin.delete(SERVICE_EXPORTS, { namespace: NS, name: 'db' });
    await fact('the deletion that it missed', () => second.source.synced && exported(second, 'db') === undefined);
    await fact('the watch of the first source', () => exported(opened, 'db') === undefined);
    assert.ok(sameValue([...second.source.view.services], [...opened.source.view.services]));
    await fact('the view of one that knew nothing', () => exported(third, 'edited') !== undefined);
  });

  it('holds a thousand exports, one with a thousand endpoints, in little memory', async () => {
    await server.admin.create(NAMESPACES, namespace('many'));
    const names = Array.from({ length: 1_000 }, (_, at) => ({ namespace: 'many', name: `s-${at}` }));
    for (let start = 0; start < names.length; start += 50) {
      await Promise.all(
        names
          .slice(start, start + 50)
          .flatMap((at) => [
            server.admin.create(SERVICES, service(at, { clusterIP: 'None' })),
            server.admin.create(SERVICE_EXPORTS, serviceExport(at)),
          ]),
      );
    }
    const pods = Array.from({ length: 1_000 }, (_, at) => `10.2.${at >> 8}.${at & 255}`);
    for (let part = 0; part < 10; part += 1) {
      const endpoints = pods.slice(part * 100, part * 100 + 100);
      const at = { namespace: 'many', name: `s-0-${part}` };
      await server.admin.create(ENDPOINT_SLICES, endpointSlice(at, { service: 's-0', endpoints }));
    }
    const started = clock.monotonicMs();
    await using large = await openSource(server.kubeconfig);
    const big = serviceKey('many', 's-0');
    await fact('all of them', () => large.source.view.services.get(big)?.endpoints.length === 1_000);
    const { heapUsed, rss } = process.memoryUsage();
    const mib = (bytes: number): string => `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
    console.log(
      `1,000 exports, 1,000 endpoints: known after ${Math.round(clock.monotonicMs() - started)} ms, heap ${mib(heapUsed)}, rss ${mib(rss)}`,
    );
    assert.ok([...large.source.view.services.keys()].filter((key) => key.startsWith('many/')).length === 1_000);
    assert.ok(rss < 400 * 1024 * 1024, `rss ${mib(rss)}`);
  });
});
