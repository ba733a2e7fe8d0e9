import assert from 'node:assert/strict';
import { cp, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import { CONFIG_MAPS } from '../../../kubernetes/api/resources.ts';
import { Link } from '../../faults/link.ts';
import { until } from '../../redis/until.ts';
import { type KubeServer, startKubeServer } from '../server.ts';
import { configMap, kubeconfigVia, NAMESPACE, Rig } from './rig.fixture.ts';

/** At its end the server ends watches in order. Without it, it waits for them for a minute. */
const WATCHES_END = '--shutdown-watch-termination-grace-period=2s';

describe('a watch of an API server that breaks', () => {
  let server: KubeServer;
  let link: Link;
  let kubeconfig: string;
  before(async () => {
    server = await startKubeServer({ name: 'broken', flags: [WATCHES_END] });
    link = await Link.open({ host: '127.0.0.1', port: Number(new URL(server.url).port) });
    kubeconfig = await kubeconfigVia(server, link.port);
  });
  after(async () => {
    await link[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  });
  beforeEach(async () => {
    link.set('flowing');
    await server.admin.call({ method: 'DELETE', path: `/api/v1/namespaces/${NAMESPACE}/configmaps` });
  });

  const create = (name: string, value = 'v') => server.admin.create(CONFIG_MAPS, configMap(name, value));
  const remove = (name: string) => server.admin.delete(CONFIG_MAPS, { namespace: NAMESPACE, name });
  const lists = (rig: Rig) => rig.counted('list_watch_requests_total', 'request="list"');

  it('resumes where it was after a reset, without a new list', async () => {
    await create('first');
    await using rig = new Rig(kubeconfig);
    await rig.synced();
    const listed = await lists(rig);
    link.set('refused');
    await until('the loss', async () => rig.reflector.state === 'failing');
    await create('missed');
    await remove('first');
    assert.deepEqual(rig.names, ['first'], 'what is known stays');
    link.set('flowing');
    await until('what was missed', async () => rig.get('missed') === 'v' && rig.gone.includes('first'));
    assert.equal(rig.reflector.state, 'current');
    assert.equal(await lists(rig), listed);
  });

  it('leaves a connection that has gone silent, for a new one', async () => {
    await using rig = new Rig(kubeconfig, { silenceLimitMs: 1_000 });
    await rig.synced();
    link.forget();
    await create('unheard');
    await until('the change by another connection', async () => rig.get('unheard') === 'v');
    assert.ok((await rig.counted('list_watch_failures_total', 'reason="silent"')) >= 1);
  });

  it('waits for a server that has stopped answering, and believes nothing meanwhile', async () => {
    await create('kept');
    await using rig = new Rig(kubeconfig, { silenceLimitMs: 300 });
    await rig.synced();
    server.pause();
    try {
      await until('the silence', async () => (await rig.counted('list_watch_failures_total', 'reason="silent"')) >= 1);
      assert.deepEqual(rig.names, ['kept']);
    } finally {
      server.resume();
    }
    await create('next');
    await until('the next change', async () => rig.get('next') === 'v');
    assert.deepEqual(rig.gone, []);
  });

  it('lists when its version has expired, and tells as gone what vanished meanwhile', async () => {
    for (const name of ['stays', 'goes']) await create(name);
    await using rig = new Rig(kubeconfig);
    await rig.synced();
    link.set('refused');
    await server.kill();
    await server.restart();
    // The server remembers no change from before its start, so that the version of the watch is too old for it.
    await remove('goes');
    await create('comes');
    link.set('flowing');
    await until('the new state', async () => rig.names.join() === 'comes,stays', 60_000);
    assert.deepEqual(rig.gone, ['goes']);
    const toldOnce = rig.batches.flatMap(({ changed }) => [...changed.keys()]).filter((key) => key.endsWith('/stays'));
    assert.equal(toldOnce.length, 1, 'what stayed the same is not told again');
  });

  it('follows a server through a restart in order', async () => {
    await create('kept');
    await using rig = new Rig(kubeconfig);
    await rig.synced();
    await server.stop();
    await until('the loss', async () => rig.reflector.state === 'failing');
    await server.restart();
    await create('after');
    await until('the change', async () => rig.get('after') === 'v', 60_000);
    assert.deepEqual([rig.names, rig.gone], [['after', 'kept'], []]);
  });

  it('accepts the past of a server that was restored from a backup', async () => {
    await create('old', 'before');
    await server.stop();
    const data = (await readdir(server.dir)).filter((name) => name.startsWith('etcd'));
    assert.ok(data.length > 0, 'the folder of etcd has another name');
    for (const name of data) await cp(join(server.dir, name), join(server.dir, `backup-${name}`), { recursive: true });
    await server.restart();
    for (const name of ['new', ...Array.from({ length: 300 }, (_, index) => `more-${index}`)]) await create(name);
    await server.admin.patch(
      CONFIG_MAPS,
      { namespace: NAMESPACE, name: 'old' },
      { type: 'merge', body: { data: { value: 'after' } } },
    );
    await using rig = new Rig(kubeconfig);
    await rig.synced();
    assert.equal(rig.get('old'), 'after');
    await server.kill();
    for (const name of data) {
      await rm(join(server.dir, name), { recursive: true });
      await rename(join(server.dir, `backup-${name}`), join(server.dir, name));
    }
    await server.restart();
    await until('the older state', async () => rig.get('old') === 'before' && rig.names.length === 1, 60_000);
    assert.ok(rig.gone.includes('new'));
    await create('since');
    await until('a change since', async () => rig.get('since') === 'v');
  });
});
