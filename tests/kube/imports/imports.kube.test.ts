/** What this cluster imports, on a real API server: the whole life of imports, and what users do to their objects. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { parseClusterId, serviceKey } from '../../../federation/model/ids.ts';
import type { MergedService } from '../../../federation/model/state.ts';
import type { EndpointSliceObject, ServiceImportObject } from '../../../kubernetes/api/objects.ts';
import { ENDPOINT_SLICES, NAMESPACES, SERVICE_IMPORTS, SERVICES } from '../../../kubernetes/api/resources.ts';
import type { ImportsWanted } from '../../../kubernetes/imports/imports-writer.ts';
import { derivedName } from '../../../kubernetes/imports/names.ts';
import {
  backend,
  EAST,
  localService,
  merged,
  SITE,
  wanted,
  WEST,
} from '../../../kubernetes/imports/testing/imports.fixture.ts';
import { MCS_SOURCE_CLUSTER_LABEL, SERVICE_NAME_LABEL } from '../../../kubernetes/names.ts';
import { until } from '../../redis/until.ts';
import { installCrds } from '../crds.ts';
import { namespace, service } from '../objects.ts';
import { type KubeServer, startKubeServer } from '../server.ts';
import { ImportRig, reasonOf, sweep } from './rig.fixture.ts';

let server: KubeServer;
let count = 0;
/** A namespace of its own for each test. */
let ns = '';
let web = merged();

before(async () => {
  server = await startKubeServer({ name: 'imports', controllers: true });
  await installCrds(server, { only: 'mcs' });
});
after(() => server[Symbol.asyncDispose]());
beforeEach(async () => {
  await sweep(server);

  count += 1;
  ns = `shop-${count}`;
  web = merged({ key: serviceKey(ns, 'web') });
  await server.admin.create(NAMESPACES, namespace(ns));
});

/** Ends with nothing imported any more, and nothing of ours left. */
async function withRig(body: (rig: ImportRig) => Promise<void>): Promise<void> {
  await using rig = await ImportRig.start(server);
  await body(rig);
  rig.leads = true;
  rig.writer.update(nothingWanted());
  await untilNothing(rig);
}

/** What was there before a restart: whole, and left as it is. */
async function beforeRestart(wish: ImportsWanted): Promise<ServiceImportObject> {
  await using rig = await ImportRig.start(server);
  rig.writer.update(wish);
  const found = await rig.untilReady(web.key);
  await until('all objects to be known', () => Promise.resolve(rig.known() === 4));
  await rig.applier.settled();
  return found;
}

function nothingWanted(): ImportsWanted {
  return wanted([], { namespaces: new Map([[ns, 'active']]) });
}

async function untilNothing(rig: ImportRig): Promise<void> {
  await until('nothing of ours to be left', async () => (await rig.ours()).length === 0);
}

async function slicesOf(labels: string): Promise<readonly EndpointSliceObject[]> {
  const { items } = await server.admin.list<EndpointSliceObject>(ENDPOINT_SLICES, { namespace: ns, labels });
  return items;
}

test('an import comes with a clusterset IP, with slices that lead to the gateways, and goes with the last export', async () => {
  await withRig(async (rig) => {
    rig.writer.update(wanted([web]));
    const found = await rig.untilReady(web.key);
    const derived = await rig.derived(web.key);
    assert.deepEqual(found.spec?.ips, derived?.spec?.clusterIPs);
    assert.deepEqual(found.spec?.ipFamilies, ['IPv4']);
    assert.deepEqual(found.spec?.ports, [{ name: 'http', protocol: 'TCP', port: 80, appProtocol: 'http' }]);
    assert.deepEqual(
      derived?.spec?.ports?.map(({ targetPort }) => targetPort),
      [20_000],
    );
    const name = derivedName(web.key);
    await until(
      'the slice of the derived Service',
      async () => (await slicesOf(`${SERVICE_NAME_LABEL}=${name}`)).length === 1,
    );
    const [slice] = await slicesOf(`${SERVICE_NAME_LABEL}=${name}`);
    assert.deepEqual(
      slice?.endpoints?.map(({ addresses }) => addresses[0]),
      ['10.1.0.10', '10.1.0.11'],
    );
    assert.deepEqual(
      slice?.ports?.map(({ name: port, port: number }) => [port, number]),
      [['http', 20_000]],
    );
    await until('the slice of west', async () => (await slicesOf(`${MCS_SOURCE_CLUSTER_LABEL}=west`)).length === 1);
    await until(
      'the slices to be told of',
      async () => (await rig.import(web.key))?.status?.endpointSliceObjects === 'Present',
    );
    assert.deepEqual((await rig.import(web.key))?.status?.clusters, [{ cluster: 'west' }]);
    rig.writer.update(nothingWanted());
    await untilNothing(rig);
  });
});

test('an import is one object in both versions of the API', async () => {
  await withRig(async (rig) => {
    rig.writer.update(wanted([web]));
    const beta = await rig.untilReady(web.key);
    const alpha = await server.admin.get<ServiceImportObject>(
      { ...SERVICE_IMPORTS, version: 'v1alpha1' },
      { namespace: ns, name: 'web' },
    );
    assert.deepEqual(alpha?.spec, beta.spec);
    assert.equal(reasonOf(alpha), 'Ready');
  });
});

test('the clusterset IP and every object stay the same over a restart, without a single write', async () => {
  const { spec } = await beforeRestart(wanted([web]));
  await withRig(async (rig) => {
    rig.writer.update(wanted([web]));
    await rig.applier.settled();
    assert.deepEqual((await rig.import(web.key))?.spec?.ips, spec?.ips);
    assert.deepEqual(rig.writes, []);
  });
});

test('a namespace that is created later gets its imports then, and one that ends takes them along', async () => {
  await withRig(async (rig) => {
    const late = merged({ key: serviceKey(`late-${count}`, 'web') });
    const without: ImportsWanted = { ...wanted([late]), namespaces: new Map() };
    rig.writer.update(without);
    await rig.applier.settled();
    assert.deepEqual(await rig.ours(), []);
    await server.admin.create(NAMESPACES, namespace(`late-${count}`));
    rig.writer.update(wanted([late]));
    await rig.untilReady(late.key);
    await server.admin.delete(NAMESPACES, { name: `late-${count}` });
    rig.writer.update({ ...without, namespaces: new Map([[`late-${count}`, 'terminating']]) });
    await untilNothing(rig);
    await until(
      'the namespace to be gone',
      async () => (await server.admin.get(NAMESPACES, { name: `late-${count}` })) === undefined,
    );
  });
});

test('a ServiceImport of somebody else is left alone and told of, and the service comes when it is gone', async () => {
  await withRig(async (rig) => {
    const theirs = { metadata: { namespace: ns, name: 'web' }, spec: { type: 'Headless', ports: [] } } as const;
    await server.admin.create(SERVICE_IMPORTS, theirs);
    await until('the rig to know it', () => Promise.resolve(rig.present.byService.has(web.key)));
    rig.writer.update(wanted([web]));
    await rig.applier.settled();
    assert.deepEqual(
      rig.writer.findings.map(({ reason }) => reason),
      ['Conflict'],
    );
    assert.deepEqual((await rig.import(web.key))?.spec, theirs.spec);
    assert.deepEqual(await rig.ours(), []);
    await server.admin.delete(SERVICE_IMPORTS, { namespace: ns, name: 'web' });
    await rig.untilReady(web.key);
    assert.deepEqual(rig.writer.findings, []);
  });
});

test('an object that appears between knowing and writing is not taken over', async () => {
  await withRig(async (rig) => {
    const name = derivedName(web.key);
    // Without our label nobody here hears of it, as of any Service of users.
    await server.admin.create(SERVICES, service({ namespace: ns, name }));
    rig.writer.update(wanted([web]));
    await rig.untilReady(web.key, 'Pending');
    assert.match((await rig.import(web.key))?.status?.conditions?.[0]?.message ?? '', /exists and is not ours/);
    const theirs = await rig.derived(web.key);
    assert.equal(theirs?.metadata.labels?.['app.kubernetes.io/managed-by'], undefined);
    await server.admin.delete(SERVICES, { namespace: ns, name });
  });
});

test('what users delete comes back, and the import with the same address', async () => {
  await withRig(async (rig) => {
    rig.writer.update(wanted([web]));
    const { spec, metadata } = await rig.untilReady(web.key);
    await until('all slices', async () => (await rig.ours()).length === 4);
    await server.admin.delete(SERVICE_IMPORTS, { namespace: ns, name: 'web' });
    await until('another import', async () => {
      const found = await rig.import(web.key);
      return found !== undefined && found.metadata.uid !== metadata.uid && reasonOf(found) === 'Ready';
    });
    assert.deepEqual((await rig.import(web.key))?.spec?.ips, spec?.ips);
    for (const { metadata: slice } of await slicesOf('')) {
      await server.admin.delete(ENDPOINT_SLICES, { namespace: ns, name: slice.name });
    }
    await until('the slices to be back', async () => (await rig.ours()).length === 4);
    const old = (await rig.derived(web.key))?.metadata.uid;
    await server.admin.delete(SERVICES, { namespace: ns, name: derivedName(web.key) });
    await until('another derived Service, and the import with its address', async () => {
      const derived = await rig.derived(web.key);
      const found = await rig.import(web.key);
      return derived !== undefined && derived.metadata.uid !== old && found?.spec?.ips?.[0] === derived.spec?.clusterIP;
    });
    await until('everything to be whole again', async () => (await rig.ours()).length === 4);
  });
});

test('what users edit is put back, and what they add beside it stays', async () => {
  await withRig(async (rig) => {
    rig.writer.update(wanted([web]));
    await rig.untilReady(web.key);
    const at = { namespace: ns, name: derivedName(web.key) };
    const patch = (body: unknown): Promise<unknown> => server.admin.patch(SERVICES, at, { type: 'merge', body });
    await patch({ spec: { selector: { app: 'mine' }, internalTrafficPolicy: 'Local' } });
    await until('selector and policy to be put back', async () => {
      const { selector, internalTrafficPolicy } = (await rig.derived(web.key))?.spec ?? {};
      return selector === undefined && internalTrafficPolicy === 'Cluster';
    });
    await patch({ metadata: { labels: { team: 'blue', 'app.kubernetes.io/managed-by': null } } });
    await until('our label to be put back', async () => {
      const labels = (await rig.derived(web.key))?.metadata.labels;
      return labels?.['app.kubernetes.io/managed-by'] === 'isthmus' && labels['team'] === 'blue';
    });
    const body = { spec: { ips: ['192.0.2.1'] }, status: { clusters: [] } };
    await server.admin.patch(SERVICE_IMPORTS, { namespace: ns, name: 'web' }, { type: 'merge', body });
    await until('the address to be put back', async () => {
      return (await rig.import(web.key))?.spec?.ips?.[0] === (await rig.derived(web.key))?.spec?.clusterIP;
    });
  });
});

test('labels, annotations and policies of the export follow it, and go when it drops them', async () => {
  await withRig(async (rig) => {
    const rich: MergedService = {
      ...web,
      labels: { tier: 'front', 'app.kubernetes.io/managed-by': 'somebody' },
      annotations: { note: 'hello' },
      sessionAffinity: 'ClientIP',
      sessionAffinityTimeoutS: 600,
      internalTrafficPolicy: 'Local',
      trafficDistribution: 'PreferClose',
    };
    rig.writer.update(wanted([rich]));
    const found = await rig.untilReady(web.key);
    assert.equal(found.metadata.labels?.['tier'], 'front');
    assert.equal(found.metadata.labels?.['app.kubernetes.io/managed-by'], 'isthmus');
    assert.equal(found.metadata.annotations?.['note'], 'hello');
    assert.equal(found.spec?.sessionAffinityConfig?.clientIP?.timeoutSeconds, 600);
    assert.equal(found.spec?.internalTrafficPolicy, 'Local');
    assert.equal(found.spec?.trafficDistribution, 'PreferClose');
    assert.equal((await rig.derived(web.key))?.spec?.internalTrafficPolicy, 'Cluster');
    assert.equal((await rig.derived(web.key))?.spec?.sessionAffinityConfig?.clientIP?.timeoutSeconds, 600);
    rig.writer.update(wanted([web]));
    await until('them to be gone', async () => {
      const { metadata, spec } = (await rig.import(web.key)) ?? {};
      return (
        metadata?.labels?.['tier'] === undefined &&
        metadata?.annotations?.['note'] === undefined &&
        spec?.internalTrafficPolicy === undefined
      );
    });
    assert.equal((await rig.derived(web.key))?.spec?.sessionAffinity, 'None');
  });
});

test('a headless service that is directly routable has pods with hostnames and no address of its own', async () => {
  await withRig(async (rig) => {
    const endpoints = [{ address: '10.2.0.1', hostname: 'db-0', ports: [5432] }];
    const port = { name: 'sql', protocol: 'TCP', port: 5432, appProtocol: 'tcp' } as const;
    const db = merged({
      key: serviceKey(ns, 'db'),
      type: 'Headless',
      ports: [port],
      backends: [
        backend({ network: SITE.network, ready: [{ port: 5432, ready: 1 }], direct: { ports: [5432], endpoints } }),
      ],
    });
    rig.writer.update(wanted([db], { site: { ...SITE, directPods: true } }));
    const found = await rig.untilReady(db.key);
    assert.deepEqual([found.spec?.type, found.spec?.ips], ['Headless', undefined]);
    await until('its slice', async () => (await slicesOf(`${MCS_SOURCE_CLUSTER_LABEL}=west`)).length === 1);
    const [slice] = await slicesOf(`${MCS_SOURCE_CLUSTER_LABEL}=west`);
    assert.deepEqual(
      slice?.endpoints?.map(({ hostname }) => hostname),
      ['db-0'],
    );
    assert.equal(await rig.derived(db.key), undefined);
    rig.writer.update(wanted([db]));
    const behind = await rig.untilReady(db.key, 'HeadlessNotRoutable');
    assert.equal(behind.status?.conditions?.[0]?.status, 'False');
    await until('its slice to be gone', async () => (await slicesOf(`${MCS_SOURCE_CLUSTER_LABEL}=west`)).length === 0);
  });
});

test('a replica that does not lead writes nothing, and writes all when it does', async () => {
  await withRig(async (rig) => {
    rig.leads = false;
    rig.writer.update(wanted([web]));
    await rig.applier.settled();
    assert.deepEqual(rig.writes, []);
    rig.leads = true;
    rig.applier.recheckAll();
    await rig.untilReady(web.key);
  });
});

test('before anything is known of the others, imports stay and follow the gateway pods', async () => {
  const { spec } = await beforeRestart(wanted([web]));
  await withRig(async (rig) => {
    const moved = [{ name: 'gw-c', addresses: ['10.1.0.12'], zone: 'east-1' }];
    rig.writer.update({ ...wanted([]), namespaces: new Map([[ns, 'active']]), gateways: moved, complete: false });
    await until('the new gateway', async () => {
      const [slice] = await slicesOf(`${SERVICE_NAME_LABEL}=${derivedName(web.key)}`);
      return slice?.endpoints?.[0]?.addresses[0] === '10.1.0.12' && slice.ports?.[0]?.port === 20_000;
    });
    await rig.applier.settled();
    assert.equal((await rig.ours()).length, 4);
    assert.deepEqual((await rig.import(web.key))?.spec, spec);
  });
});

test('leaving and coming back under load converges to the last word', async () => {
  await withRig(async (rig) => {
    const services = Array.from({ length: 20 }, (_, index) => merged({ key: serviceKey(ns, `s-${index}`) }));
    for (let round = 0; round < 30; round += 1) {
      rig.writer.update(wanted(services.filter((_, index) => (index * 7 + round) % 3 !== 0)));
      await new Promise((resolve) => setImmediate(resolve));
      if (round % 5 === 0) await server.admin.list(SERVICES);
    }
    rig.writer.update(wanted(services));
    await Promise.all(services.map(({ key }) => rig.untilReady(key)));
    await until('every slice', async () => (await rig.ours()).length === 80);
  });
});

test('own pods stand in slices of their own cluster, a hundred in each', async () => {
  await withRig(async (rig) => {
    const endpoints = Array.from({ length: 250 }, (_, index) => ({
      address: `10.1.3.${index}`,
      ports: { 80: 8080 },
      ready: index !== 7,
    }));
    const both = { ...web, backends: [backend({ cluster: EAST }), backend({ cluster: WEST })] };
    rig.writer.update(wanted([both], { locals: [localService({ key: web.key, namespace: ns, endpoints })] }));
    await rig.untilReady(web.key);
    const own = `${MCS_SOURCE_CLUSTER_LABEL}=east`;
    await until('all own pods', async () => {
      return (await slicesOf(own)).reduce((sum, slice) => sum + (slice.endpoints?.length ?? 0), 0) === 250;
    });
    const slices = await slicesOf(own);
    assert.ok(
      slices.every(
        (slice) => (slice.endpoints?.length ?? 0) <= 100 && !(SERVICE_NAME_LABEL in (slice.metadata.labels ?? {})),
      ),
    );
    const unready = slices
      .flatMap((slice) => slice.endpoints ?? [])
      .filter(({ conditions }) => conditions?.ready === false);
    assert.deepEqual(
      unready.map(({ addresses }) => addresses[0]),
      ['10.1.3.7'],
    );
    assert.deepEqual((await rig.import(web.key))?.status?.clusters, [{ cluster: 'east' }, { cluster: 'west' }]);
  });
});

test('one object that the server refuses does not keep the others from being written', async () => {
  await withRig(async (rig) => {
    const bad = merged({
      key: serviceKey(ns, 'bad'),
      ports: [{ name: 'not_a_label', protocol: 'TCP', port: 80, appProtocol: 'http' }],
      backends: [backend({ cluster: parseClusterId('mallory') })],
    });
    rig.writer.update(wanted([bad, web]));
    await rig.untilReady(web.key);
    const refused = await rig.untilReady(bad.key, 'Pending');
    assert.match(refused.status?.conditions?.[0]?.message ?? '', /not_a_label/);
    const problems = [...rig.applier.problems.values()].map(({ ref, reason }) => [ref.resource.kind, reason]);
    assert.deepEqual(problems, [
      ['Service', 'Invalid'],
      ['EndpointSlice', 'Invalid'],
    ]);
  });
});
