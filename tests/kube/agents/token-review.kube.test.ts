/** Gateway pods log in at a controller with tokens of a real API server, which judges them. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { snapshotOf } from '../../../gateway-config/agent/envoy-resources.fixture.ts';
import { eventually } from '../../../gateway-config/agent/site.fixture.ts';
import type { KubeObject } from '../../../kubernetes/api/objects.ts';
import { NAMESPACES, NODES, type Resource } from '../../../kubernetes/api/resources.ts';
import { GATEWAY_TOKEN_AUDIENCE } from '../../../kubernetes/names.ts';
import { openKubeTransport } from '../../../kubernetes/client.ts';
import { TokenReviewer } from '../../../kubernetes/token-review.ts';
import { SystemClock } from '../../../runtime/clock.ts';
import { silentLogger } from '../../../runtime/log.ts';
import { RemoteSite, target } from '../../agents/site.ts';
import { namespace, node, pod, PODS, SERVICE_ACCOUNTS, serviceAccount } from '../objects.ts';
import { type KubeServer, startKubeServer } from '../server.ts';

const NAMESPACE = 'isthmus-system';
const clock = new SystemClock();
let server: KubeServer;

const CLUSTER_ROLES: Resource = {
  group: 'rbac.authorization.k8s.io',
  version: 'v1',
  kind: 'ClusterRole',
  plural: 'clusterroles',
  scope: 'Cluster',
};
const BINDINGS: Resource = { ...CLUSTER_ROLES, kind: 'ClusterRoleBinding', plural: 'clusterrolebindings' };

before(async () => {
  server = await startKubeServer({ name: 'agents' });
  await server.admin.create(NAMESPACES, namespace(NAMESPACE));
  await server.admin.create(NODES, node('n1'));
  for (const name of ['isthmus-controller', 'isthmus-gateway', 'default-app']) {
    await server.admin.create(SERVICE_ACCOUNTS, serviceAccount({ namespace: NAMESPACE, name }));
  }
  const rules = [{ apiGroups: ['authentication.k8s.io'], resources: ['tokenreviews'], verbs: ['create'] }];
  const role: KubeObject & { rules: unknown } = { metadata: { name: 'reviewer' }, rules };
  await server.admin.create(CLUSTER_ROLES, role);
  const binding: KubeObject & { roleRef: unknown; subjects: unknown } = {
    metadata: { name: 'reviewer' },
    roleRef: { apiGroup: CLUSTER_ROLES.group, kind: 'ClusterRole', name: 'reviewer' },
    subjects: [{ kind: 'ServiceAccount', namespace: NAMESPACE, name: 'isthmus-controller' }],
  };
  await server.admin.create(BINDINGS, binding);
});
after(() => server[Symbol.asyncDispose]());

async function gatewayPod(name: string, serviceAccountName = 'isthmus-gateway') {
  const made = await server.admin.create(
    PODS,
    pod({ namespace: NAMESPACE, name }, { ip: '10.0.0.1', node: 'n1', serviceAccountName }),
  );
  const bound = { name, uid: made.metadata.uid ?? '' };
  return (audience = GATEWAY_TOKEN_AUDIENCE): Promise<string> =>
    server.token({ namespace: NAMESPACE, serviceAccount: serviceAccountName }, { audience, pod: bound });
}

/** A controller that may do nothing at the API server but ask about tokens. */
async function site() {
  await using made = new AsyncDisposableStack();
  const own = await server.token({ namespace: NAMESPACE, serviceAccount: 'isthmus-controller' });
  const transport = openKubeTransport({ kubeconfig: await server.kubeconfigFor(own) }, { clock });
  made.defer(() => transport.close());
  const authenticator = new TokenReviewer({ clock, log: silentLogger, transport }, { namespace: NAMESPACE });
  const remote = made.use(await RemoteSite.make());
  const controller = await remote.controller({ snapshot: snapshotOf(), authenticator });
  const running = made.move();
  return { remote, controller, [Symbol.asyncDispose]: () => running.disposeAsync() };
}

test('a gateway pod logs in with its projected token, under the name of its pod', async () => {
  await using s = await site();
  const token = await gatewayPod('isthmus-gateway-1');
  await s.remote.writeToken(await token());
  const client = s.remote.client([target(s.controller)], s.remote.login, 'isthmus-gateway-1');
  await client.attach('1');
  await s.remote.writeToken(await token());
  await client.attach('2');
  assert.deepEqual(
    s.controller.attached.map(({ gateway }) => gateway),
    ['isthmus-gateway-1', 'isthmus-gateway-1'],
  );
});

test('other service accounts, other audiences, other pods and forged signatures are not let in', async () => {
  await using s = await site();
  const name = 'isthmus-gateway-2';
  const token = await gatewayPod(name);
  const app = await gatewayPod('app-1', 'default-app');
  const good = await token();
  const [header = '', payload = '', signature = ''] = good.split('.');
  const forged = `${header}.${payload}.${signature.slice(0, -8)}AAAAAAAA`;
  const unbound = await server.token(
    { namespace: NAMESPACE, serviceAccount: 'isthmus-gateway' },
    { audience: GATEWAY_TOKEN_AUDIENCE },
  );
  const cases: readonly (readonly [string, string, RegExp])[] = [
    ['of another service account', await app(), /default-app/],
    ['for the API server itself', await token('https://kubernetes.default.svc'), /not for isthmus.dev\/gateway/],
    ['that is not signed', forged, /does not know the token/],
    ['that is bound to no pod', unbound, /not bound to a pod/],
  ];
  for (const [what, wrong, message] of cases) {
    await s.remote.writeToken(wrong);
    const client = s.remote.client([target(s.controller)], s.remote.login, name);
    await assert.rejects(client.attach(what), (error: Error) => message.test(error.message), what);
  }
  await s.remote.writeToken(good);
  const other = s.remote.client([target(s.controller)], s.remote.login, 'isthmus-gateway-1');
  await assert.rejects(other.attach('as another pod'), /that of pod isthmus-gateway-2/);
  assert.deepEqual(s.controller.attached, []);
});

test('the token of a deleted pod is worth nothing to who asks anew', async () => {
  await using s = await site();
  const name = 'isthmus-gateway-3';
  const token = await (await gatewayPod(name))();
  await server.admin.delete(PODS, { namespace: NAMESPACE, name });
  await s.remote.writeToken(token);
  // The API server itself remembers a token for some seconds.
  const client = s.remote.client([target(s.controller)], s.remote.login, name);
  await eventually(() =>
    client.attach('1').then(
      () => false,
      (error: Error) => /does not know the token/.test(error.message),
    ),
  );
});

test('while the API server hangs, a known gateway gets in at once and a new one waits until it is back', async () => {
  await using s = await site();
  const known = await gatewayPod('isthmus-gateway-4');
  const fresh = await gatewayPod('isthmus-gateway-5');
  const [knownToken, freshToken] = [await known(), await fresh()];
  const knownClient = s.remote.client([target(s.controller)], s.remote.login, 'isthmus-gateway-4');
  const freshClient = s.remote.client([target(s.controller)], s.remote.login, 'isthmus-gateway-5');
  await s.remote.writeToken(knownToken);
  await knownClient.attach('1');
  server.pause();
  try {
    await knownClient.attach('2');
    await s.remote.writeToken(freshToken);
    await assert.rejects(freshClient.attach('3'), /UNAVAILABLE/);
  } finally {
    server.resume();
  }
  await eventually(() =>
    freshClient.attach('4').then(
      () => true,
      () => false,
    ),
  );
  assert.deepEqual(
    s.controller.attached.map(({ gateway }) => gateway),
    ['isthmus-gateway-4', 'isthmus-gateway-4', 'isthmus-gateway-5'],
  );
});
