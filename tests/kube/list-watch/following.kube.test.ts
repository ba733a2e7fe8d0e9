import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import type { KubeObject } from '../../../kubernetes/api/objects.ts';
import { CONFIG_MAPS, CRDS, type Resource, SERVICE_EXPORTS } from '../../../kubernetes/api/resources.ts';
import { openKubeTransport } from '../../../kubernetes/client.ts';
import { readEvent } from '../../../kubernetes/list-watch/answers.ts';
import { Collection } from '../../../kubernetes/list-watch/collection.ts';
import { SystemClock } from '../../../runtime/clock.ts';
import { until } from '../../redis/until.ts';
import { installCrds } from '../crds.ts';
import { SERVICE_ACCOUNTS, serviceAccount } from '../objects.ts';
import { type KubeServer, startKubeServer } from '../server.ts';
import { configMap, NAMESPACE, Rig, valueOf } from './rig.fixture.ts';

const RBAC = { group: 'rbac.authorization.k8s.io', version: 'v1', scope: 'Namespaced' } as const;
const ROLES: Resource = { ...RBAC, kind: 'Role', plural: 'roles' };
const ROLE_BINDINGS: Resource = { ...RBAC, kind: 'RoleBinding', plural: 'rolebindings' };

describe('a collection of a real API server', () => {
  let server: KubeServer;
  before(async () => {
    server = await startKubeServer({ name: 'follow', audit: true });
  });
  after(() => server[Symbol.asyncDispose]());
  beforeEach(() =>
    server.admin.call({
      method: 'DELETE',
      path: `/api/v1/namespaces/${NAMESPACE}/configmaps`,
      query: { labelSelector: 'keep!=yes' },
    }),
  );

  function create(name: string, value: string, labels: Record<string, string> = {}): Promise<KubeObject> {
    return server.admin.create(CONFIG_MAPS, configMap(name, value, labels));
  }

  it('is listed page by page and then followed, change by change', async () => {
    for (let index = 0; index < 12; index += 1) await create(`m${index}`, 'old');
    await using rig = new Rig(server.kubeconfig, { pageLimit: 5 });
    await rig.synced();
    assert.equal(rig.names.length, 12);
    assert.ok((await rig.counted('list_watch_requests_total', 'request="list"')) >= 3);
    await server.admin.patch(
      CONFIG_MAPS,
      { namespace: NAMESPACE, name: 'm3' },
      { type: 'merge', body: { data: { value: 'new' } } },
    );
    await server.admin.delete(CONFIG_MAPS, { namespace: NAMESPACE, name: 'm4' });
    await create('later', 'made');
    await until('the three changes', async () => rig.get('later') === 'made');
    assert.equal(rig.get('m3'), 'new');
    // Told up to 10 ms after it is known.
    await until('the deletion to be told', async () => rig.gone.length > 0);
    assert.deepEqual(rig.gone, ['m4']);
    assert.equal(rig.reflector.state, 'current');
  });

  it('tells that an empty collection is complete, once', async () => {
    await using rig = new Rig(server.kubeconfig, { labelSelector: 'nobody=has' });
    await rig.synced();
    assert.deepEqual([rig.names, rig.batches.length], [[], 1]);
    assert.deepEqual(rig.states, ['current']);
  });

  it('is what the selector says, so that an object that leaves it is gone', async () => {
    await create('in', 'v', { tier: 'web' });
    await create('out', 'v');
    await using rig = new Rig(server.kubeconfig, { labelSelector: 'tier=web' });
    await rig.synced();
    assert.deepEqual(rig.names, ['in']);
    const body = { metadata: { labels: { tier: null } } };
    await server.admin.patch(CONFIG_MAPS, { namespace: NAMESPACE, name: 'in' }, { type: 'merge', body });
    await until('in to leave', async () => rig.gone.includes('in'));
  });

  it('never shows a projection what the server kept for itself', async () => {
    await server.admin.apply(CONFIG_MAPS, configMap('applied', 'v'));
    const seen: KubeObject[] = [];
    await using rig = new Rig(server.kubeconfig, {
      project: (object) => {
        seen.push(object);
        return valueOf(object);
      },
    });
    await rig.synced();
    await server.admin.apply(CONFIG_MAPS, configMap('applied', 'w'));
    await until('the change', async () => rig.get('applied') === 'w');
    assert.ok(seen.length >= 2);
    for (const { metadata } of seen) assert.ok(!('managedFields' in metadata));
  });

  it('goes on when a projection or a listener throws', async () => {
    await create('good', 'v');
    await using rig = new Rig(server.kubeconfig, {
      project: (object) => {
        if (valueOf(object) === 'bad') throw new Error('cannot read this');
        return valueOf(object);
      },
    });
    rig.reflector.onChange(() => {
      throw new Error('a listener with a bug');
    });
    await rig.synced();
    const good = { namespace: NAMESPACE, name: 'good' };
    await server.admin.patch(CONFIG_MAPS, good, { type: 'merge', body: { data: { value: 'bad' } } });
    await create('next', 'v');
    await until('the next one', async () => rig.get('next') === 'v');
    assert.equal(rig.get('good'), 'v', 'what was known of it stays');
    assert.equal(await rig.counted('list_watch_failures_total', 'reason="projection"'), 1);
    // It is told up to 10 ms after it is known.
    await until('the listener to be called again', async () => {
      return (await rig.counted('list_watch_failures_total', 'reason="listener"')) >= 2;
    });
  });

  it('tells a storm of changes in few calls, and all of them', async () => {
    await using rig = new Rig(server.kubeconfig);
    await rig.synced();
    const calls = rig.batches.length;
    const total = 2_000;
    const startMs = performance.now();
    const write = async (first: number): Promise<void> => {
      for (let index = first; index < total; index += 20) await create(`storm-${index}`, 'v');
    };
    await Promise.all(Array.from({ length: 20 }, (_, first) => write(first)));
    await until('the storm to arrive', async () => rig.names.length === total, 60_000);
    const seconds = (performance.now() - startMs) / 1_000;
    // A call each 10 ms at most.
    assert.ok(rig.batches.length - calls <= seconds * 100 + 1, `${rig.batches.length - calls} calls in ${seconds} s`);
    const told = (): number => rig.batches.reduce((sum, { changed }) => sum + changed.size, 0);
    // The last ones are told up to 10 ms after they are known.
    await until('all to be told', async () => told() >= total);
    assert.equal(told(), total);
  });

  it('is told of bookmarks, that move a quiet watch on', async () => {
    const transport = openKubeTransport({ kubeconfig: server.kubeconfig }, { clock: new SystemClock() });
    const collection = new Collection({ transport }, { resource: CONFIG_MAPS, namespace: 'kube-public' });
    const { signal } = new AbortController();
    const version = await collection.newestVersion(signal);
    const lines: string[] = [];
    // Moves the version of the server, not this collection: without a bookmark the watch would stay behind.
    const onOpen = (): void => void create('elsewhere', 'v');
    for await (const line of collection.lines({ version, seconds: 6 }, { signal, onOpen })) lines.push(line);
    const inputs = lines.map((line) => readEvent(line, 0));
    assert.ok(
      inputs.some((input) => input.type === 'bookmark' && input.version !== version),
      lines.join('\n'),
    );
    transport.close();
  });

  it('keeps what it knows while it is forbidden, names the missing rule, and goes on when it is given back', async () => {
    await create('seen', 'v');
    await server.admin.create(SERVICE_ACCOUNTS, serviceAccount({ namespace: NAMESPACE, name: 'watcher' }));
    const rules = [{ apiGroups: [''], resources: ['configmaps'], verbs: ['get', 'list', 'watch'] }];
    const where = { namespace: NAMESPACE, name: 'watcher' };
    await server.admin.create(ROLES, { metadata: where, rules } as KubeObject); // a kind that only this test writes
    const binding = {
      metadata: where,
      roleRef: { apiGroup: RBAC.group, kind: 'Role', name: 'watcher' },
      subjects: [{ kind: 'ServiceAccount', ...where }],
    } as KubeObject;
    const token = await server.token({ namespace: NAMESPACE, serviceAccount: 'watcher' });
    const kubeconfig = await server.kubeconfigFor(token, 'watcher');

    await using rig = new Rig(kubeconfig, { silenceLimitMs: 500 });
    await until('the refusal', async () => rig.reflector.state === 'forbidden');
    assert.equal(rig.reflector.synced, false);
    assert.match(rig.reflector.finding?.hint ?? '', /Role .*resources \["configmaps"\], verbs \[get, list, watch\]/);
    await server.admin.create(ROLE_BINDINGS, binding);
    await rig.synced();
    assert.deepEqual([rig.names, rig.reflector.finding], [['seen'], undefined]);
    await server.admin.delete(ROLE_BINDINGS, where);
    await until('the refusal after a while', async () => rig.reflector.state === 'forbidden');
    await server.admin.delete(CONFIG_MAPS, { namespace: NAMESPACE, name: 'seen' });
    assert.deepEqual(rig.names, ['seen'], 'not allowed is not empty');
    await server.admin.create(ROLE_BINDINGS, binding);
    await until('the deletion that was missed', async () => rig.gone.includes('seen'), 30_000);
    assert.equal(rig.reflector.state, 'current');
  });

  it('is absent until its definition is installed, and is then picked up', async () => {
    await using rig = new Rig(server.kubeconfig, {
      resource: SERVICE_EXPORTS,
      project: ({ metadata }) => metadata.name,
    });
    await until('the absence', async () => rig.reflector.state === 'absent');
    assert.deepEqual([rig.reflector.synced, rig.reflector.settled], [false, true]);
    assert.equal(rig.reflector.finding?.reason, 'KindNotInstalled');
    await installCrds(server, { only: 'mcs' });
    await server.admin.create(SERVICE_EXPORTS, { metadata: { namespace: NAMESPACE, name: 'web' } });
    await until('the export', async () => rig.get('web') === 'web', 30_000);
    await server.admin.delete(CRDS, { name: `${SERVICE_EXPORTS.plural}.${SERVICE_EXPORTS.group}` });
    await until('the export to go with its definition', async () => rig.gone.includes('web'));
  });

  it('is left alone once it is closed', async () => {
    const rig = new Rig(server.kubeconfig);
    await rig.synced();
    const calls = rig.batches.length;
    await rig[Symbol.asyncDispose]();
    await create('after', 'v');
    assert.deepEqual([rig.batches.length, rig.get('after')], [calls, undefined]);
    const ofUs = (await server.auditLines()).filter(
      ({ userAgent, verb }) => userAgent === 'isthmus' && verb === 'watch',
    );
    assert.ok(ofUs.length > 0);
  });
});
