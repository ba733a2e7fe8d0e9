import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { EndpointSliceObject, ServiceExportObject, ServiceObject } from '../../kubernetes/api/objects.ts';
import {
  ENDPOINT_SLICES,
  NAMESPACES,
  NODES,
  SERVICE_EXPORTS,
  SERVICE_IMPORTS,
  SERVICES,
} from '../../kubernetes/api/resources.ts';
import { SERVICE_NAME_LABEL } from '../../kubernetes/names.ts';
import { until } from '../redis/until.ts';
import { installCrds } from './crds.ts';
import {
  endpointSlice,
  namespace,
  node,
  PODS,
  pod,
  SERVICE_ACCOUNTS,
  service,
  serviceAccount,
  serviceExport,
} from './objects.ts';
import { type KubeServer, startKubeServer } from './server.ts';

describe('the API server of tests', () => {
  let server: KubeServer;
  const ns = 'shop';
  before(async () => {
    server = await startKubeServer({ name: 'harness', audit: true, controllers: true });
    await installCrds(server);
    await server.admin.create(NAMESPACES, namespace(ns));
  });
  after(() => server[Symbol.asyncDispose]());

  it('stores objects with their status, and applies and deletes them', async () => {
    const where = { namespace: ns, name: 'exported' };
    const made = await server.admin.create<ServiceExportObject>(SERVICE_EXPORTS, serviceExport(where));
    assert.equal(made.metadata.generation, 1);
    const valid = {
      type: 'Valid',
      status: 'True',
      reason: 'Valid',
      message: '',
      lastTransitionTime: '2026-01-01T00:00:00Z',
    };
    await server.admin.patchStatus(SERVICE_EXPORTS, where, { conditions: [valid] });
    const seen = await server.admin.get<ServiceExportObject>(SERVICE_EXPORTS, where);
    assert.equal(seen?.status?.conditions?.[0]?.type, 'Valid');
    assert.equal(await server.admin.delete(SERVICE_EXPORTS, where), true);
    assert.equal(await server.admin.delete(SERVICE_EXPORTS, where), false);
    assert.equal(await server.admin.get(SERVICE_EXPORTS, where), undefined);
  });

  it('refuses what the definitions of the MCS API do not allow', async () => {
    const odd = { metadata: { namespace: ns, name: 'odd' }, spec: { type: 'Odd', ports: [] } };
    await assert.rejects(server.admin.create(SERVICE_IMPORTS, odd), { status: 422, reason: 'Invalid' });
  });

  it('takes slices that a test writes, and writes those of a service with a selector by itself', async () => {
    const slice = endpointSlice({ namespace: ns, name: 'own-1' }, { service: 'own', endpoints: ['10.1.0.1'] });
    await server.admin.create(ENDPOINT_SLICES, slice);
    await server.admin.create(NODES, node('n1', { zone: 'z2' }));
    await server.admin.create<ServiceObject>(
      SERVICES,
      service({ namespace: ns, name: 'web' }, { selector: { app: 'web' } }),
    );
    await server.admin.create(
      PODS,
      pod({ namespace: ns, name: 'web-1' }, { ip: '10.1.0.2', node: 'n1', labels: { app: 'web' } }),
    );
    await until('the slice of web', async () => {
      const labels = `${SERVICE_NAME_LABEL}=web`;
      const { items } = await server.admin.list<EndpointSliceObject>(ENDPOINT_SLICES, { namespace: ns, labels });
      const endpoint = items[0]?.endpoints?.[0];
      return endpoint?.addresses[0] === '10.1.0.2' && endpoint.zone === 'z2' && endpoint.conditions?.ready === true;
    });
  });

  it('lets a service account do what its rights allow, which is nothing at first', async () => {
    await server.admin.create(SERVICE_ACCOUNTS, serviceAccount({ namespace: ns, name: 'reader' }));
    const token = await server.token({ namespace: ns, serviceAccount: 'reader' });
    const reader = server.admin.withToken(token);
    await assert.rejects(reader.list(SERVICES), { status: 403, reason: 'Forbidden' });
    const nobody = server.admin.withToken('nonsense');
    await assert.rejects(nobody.list(SERVICES), { status: 401, reason: 'Unauthorized' });
    reader.close();
    nobody.close();
  });

  it('tells changes as lines, and counts what it was asked', async () => {
    const earlier = (await server.auditLines()).length;
    const lines = server.admin.lines({
      method: 'GET',
      path: `/api/v1/namespaces/${ns}/services`,
      query: { watch: 'true', resourceVersion: (await server.admin.list(SERVICES)).resourceVersion },
    });
    await server.admin.create(SERVICES, service({ namespace: ns, name: 'later' }));
    const { value } = await lines.next();
    assert.match(String(value), /"type":"ADDED".*"name":"later"/);
    await lines.return(undefined);
    const asked = (await server.auditLines()).slice(earlier).filter(({ userAgent }) => userAgent === 'isthmus-test');
    assert.deepEqual(
      asked.map(({ verb, stage }) => [verb, stage]).filter(([, stage]) => stage === 'ResponseStarted'),
      [['watch', 'ResponseStarted']],
    );
    assert.equal(asked.filter(({ verb }) => verb === 'create').length, 1);
  });

  it('keeps its data, its address and its keys over a crash and a restart', async () => {
    const { url } = server;
    await server.kill();
    await assert.rejects(server.admin.list(SERVICES), { code: 'kubernetes-unreachable' });
    await server.restart();
    assert.equal(server.url, url);
    assert.notEqual(await server.admin.get(NAMESPACES, { name: ns }), undefined);
  });

  it('says nothing while it is paused', async () => {
    server.pause();
    try {
      const asked = server.admin.call({ method: 'GET', path: '/version', timeoutMs: 300 });
      await assert.rejects(asked, { code: 'kubernetes-unreachable' });
    } finally {
      server.resume();
    }
    assert.notEqual(await server.admin.call({ method: 'GET', path: '/version' }), undefined);
  });

  it('finishes the deletion of a namespace', async () => {
    await server.admin.create(NAMESPACES, namespace('gone'));
    await server.admin.delete(NAMESPACES, { name: 'gone' });
    await until(
      'the namespace to go',
      async () => (await server.admin.get(NAMESPACES, { name: 'gone' })) === undefined,
    );
  });
});
