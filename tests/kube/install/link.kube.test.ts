/** The commands of the guide that link two clusters, and part them again, with controllers that run. */
import '../sites/own-network.ts';
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { PEERS, SECRETS } from '../../../kubernetes/api/resources.ts';
import { DEFAULT_NAMESPACE, OWN_NAMES } from '../../../kubernetes/names.ts';
import { until } from '../../redis/until.ts';
import { PODS, pod } from '../objects.ts';
import { Clusterset, isthmus } from '../sites/clusterset.ts';
import { Site } from '../sites/site.ts';
import { Admin } from './programs.ts';

let clusterset: Clusterset;
let west: Site;
before(async () => {
  clusterset = await Clusterset.start([{ name: 'east' }]);
  west = await Site.start({ name: 'west', index: 2 });
});
after(async () => {
  await west?.[Symbol.asyncDispose]();
  await clusterset?.[Symbol.asyncDispose]();
});

test('a token goes from the one to the other, and the joining cluster says when it is done', async () => {
  const east = clusterset.site('east');
  const admin = new Admin(west.server);
  const controller = await west.controller();
  const token = await isthmus('token', 'create', '--cluster', 'west', '--state-dir', east.stateDir('a'));
  const gateway = { namespace: DEFAULT_NAMESPACE, name: 'gw-that-waits' };
  const labels = { 'app.kubernetes.io/name': 'isthmus', 'app.kubernetes.io/component': 'gateway' };
  await west.admin.create(PODS, pod(gateway, { ip: west.ip('gateway', 9), node: 'node-1', labels, ready: false }));
  const joined = await admin.isthmus(['join', '--kubernetes', '--token-file', '-'], token);
  assert.equal(joined.code, 0, joined.stderr);
  assert.match(joined.stderr, /^cluster west joined$/m);
  // A kubelet looks at once at the mounts of a pod that changes.
  const woken = await west.admin.get(PODS, gateway);
  assert.match(woken?.metadata.annotations?.['isthmus.dev/joined-at'] ?? '', /^20/);
  await controller.untilReady();
  await until('each to have the other as a peer', async () => {
    const peers = await Promise.all([east, west].map((site) => site.admin.list(PEERS)));
    return peers.map(({ items }) => items.map(({ metadata }) => metadata.name).join()).join('|') === 'west|east';
  });
  const where = { namespace: DEFAULT_NAMESPACE, name: OWN_NAMES.joinToken };
  assert.equal(await west.admin.get(SECRETS, where), undefined);
  const again = await admin.isthmus(['join', '--kubernetes', '--token-file', '-'], token);
  assert.equal(again.code, 2);
  assert.match(again.stderr, /^error: cluster west has joined already$/m);
});

test('the cluster that leaves is told what is done, and can be asked no more', async () => {
  const admin = new Admin(west.server);
  const left = await admin.isthmus(['leave', '--kubernetes', '--timeout', '60s']);
  assert.equal(left.code, 0, left.stderr);
  assert.match(left.stdout, /the cluster has left/);
  const again = await admin.isthmus(['leave', '--kubernetes']);
  assert.equal(again.code, 2);
  assert.match(again.stderr, /^error: this cluster is in no clusterset$/m);
});
