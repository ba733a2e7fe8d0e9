/** `isthmus install` as a cluster's administrator uses it: every object, once and again, tried out first, and its pods. */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { parseAllDocuments } from 'yaml';
import type { Manifest } from '../../../deploy/manifests/common.ts';
import { pathOfManifest } from '../../../cli/install/targets.ts';
import type { KubeObject } from '../../../kubernetes/api/objects.ts';
import { CONFIG_MAPS, DEPLOYMENTS, NAMESPACES } from '../../../kubernetes/api/resources.ts';
import { DEFAULT_NAMESPACE, OWN_NAMES } from '../../../kubernetes/names.ts';
import { namespace, PODS, pod } from '../objects.ts';
import { type KubeServer, startKubeServer } from '../server.ts';
import { Admin } from './programs.ts';

const EAST = ['install', '--cluster', 'east', '--clusterset', 'prod.example.org', '--authority'];
/** Every kind that an installation may have, but for those that need the Prometheus operator. */
const EVERYTHING = [
  ...['--set', 'gateway.service.type=LoadBalancer', '--set', 'gateway.service.annotations={a: b}'],
  ...['--set', 'storeServer.enabled=true', '--set', 'storeSecret=redis-login', '--set', 'image.pullSecrets=[pull]'],
  ...['--set', 'podCIDRs=[10.1.0.0/16]', '--set', 'controller.replicas=3'],
];

/** What a kubelet says of every container. */
const CONTAINER = { name: 'app', image: 'none.invalid/app', imageID: '', ready: false, restartCount: 0 };

describe('isthmus install on a real API server', () => {
  let server: KubeServer;
  let admin: Admin;
  before(async () => {
    server = await startKubeServer({ name: 'install' });
    admin = new Admin(server);
  });
  after(() => server?.[Symbol.asyncDispose]());

  async function printed(more: readonly string[]): Promise<readonly Manifest[]> {
    const { stdout, stderr, code } = await admin.isthmus([...EAST, '--dry-run', ...more]);
    assert.equal(code, 0, stderr);
    // What the program prints are manifests, and a comment behind the last one.
    return parseAllDocuments(stdout).map((document) => document.toJS() as Manifest);
  }

  async function standing(manifest: Manifest): Promise<KubeObject | undefined> {
    const { status, body } = await server.admin.raw({ method: 'GET', path: pathOfManifest(manifest) });
    return status === 200 ? (body as KubeObject) : undefined; // a 200 is the object
  }

  it('tried out on the server before anything is there: says what it could not check, and keeps nothing', async () => {
    const { code, stdout, stderr } = await admin.isthmus([...EAST, ...EVERYTHING, '--dry-run=server']);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /deployment\/isthmus-controller would be applied/);
    assert.equal(await server.admin.get(NAMESPACES, { name: DEFAULT_NAMESPACE }), undefined);
  });

  it('puts every object there, then waits for pods as long as it was told and says what is missing', async () => {
    const { code, stdout, stderr } = await admin.isthmus([...EAST, ...EVERYTHING, '--wait', '1s']);
    assert.equal(code, 1);
    assert.match(stderr, /isthmus-controller: 0 of 3 available/);
    assert.match(stderr, /^error: not all pods are there after 1s$/m);
    assert.match(stderr, new RegExp(`^hint: .*kubectl -n ${DEFAULT_NAMESPACE} `, 'm'));
    const manifests = await printed(EVERYTHING);
    const expected = manifests.map(({ kind, metadata }) => `${kind.toLowerCase()}/${metadata.name} applied`);
    assert.deepEqual(stdout.trimEnd().split('\n'), expected);
    for (const manifest of manifests) assert.notEqual(await standing(manifest), undefined, manifest.kind);
  });

  it('pods of the template before are not taken for the new ones', async () => {
    const where = { namespace: DEFAULT_NAMESPACE, name: OWN_NAMES.controller };
    const { metadata } = (await server.admin.get(DEPLOYMENTS, where)) ?? {};
    const observedGeneration = metadata?.generation;
    const old = { observedGeneration, replicas: 4, updatedReplicas: 1, readyReplicas: 4, availableReplicas: 4 };
    await server.admin.patchStatus(DEPLOYMENTS, where, old);
    const { code, stderr } = await admin.isthmus([...EAST, ...EVERYTHING, '--wait', '1s']);
    assert.equal(code, 1);
    assert.match(stderr, /isthmus-controller: 1 of 3 are new, 3 old/);
    const none = { observedGeneration, replicas: 0, updatedReplicas: 0, readyReplicas: 0, availableReplicas: 0 };
    await server.admin.patchStatus(DEPLOYMENTS, where, none);
  });

  it('run again it changes nothing', async () => {
    const manifests = await printed(EVERYTHING);
    const versions = async (): Promise<readonly (string | undefined)[]> => {
      const objects = await Promise.all(manifests.map(standing));
      return objects.map((object) => object?.metadata.resourceVersion);
    };
    const earlier = await versions();
    const { code, stderr } = await admin.isthmus([...EAST, ...EVERYTHING, '--wait', '0s']);
    assert.equal(code, 0, stderr);
    assert.match(stderr, /token create --cluster NAME/);
    assert.deepEqual(await versions(), earlier);
  });

  it('run with other values it changes what differs, and nothing else', async () => {
    const manifests = await printed(EVERYTHING);
    const earlier = await Promise.all(manifests.map(standing));
    const other = [...EVERYTHING, '--set', 'controller.replicas=1', '--wait', '0s'];
    const { code, stderr } = await admin.isthmus([...EAST, ...other]);
    assert.equal(code, 0, stderr);
    const now = await Promise.all(manifests.map(standing));
    const changed = manifests.filter((_, at) => {
      return now[at]?.metadata.resourceVersion !== earlier[at]?.metadata.resourceVersion;
    });
    assert.deepEqual(
      changed.map(({ kind, metadata }) => `${kind}/${metadata.name}`),
      ['Deployment/isthmus-controller'],
    );
  });

  it('a cluster that others know is not made another one by a flag that is missing or wrong', async () => {
    const where = { namespace: DEFAULT_NAMESPACE, name: OWN_NAMES.trust };
    await server.admin.create(CONFIG_MAPS, { metadata: where });
    const west = EAST.map((word) => (word === 'east' ? 'west' : word));
    const renamed = await admin.isthmus([...west, '--wait', '0s']);
    assert.equal(renamed.code, 2);
    assert.match(renamed.stderr, /^error: cluster east of prod\.example\.org is installed there, and has joined/m);
    const forgotten = await admin.isthmus([...EAST.filter((word) => word !== '--authority'), '--wait', '0s']);
    assert.equal(forgotten.code, 2);
    assert.match(forgotten.stderr, /^hint: give --authority again$/m);
    await server.admin.delete(CONFIG_MAPS, where);
  });

  it('what --dry-run prints is taken by kubectl as it is', async () => {
    const { stdout } = await admin.isthmus([...EAST, ...EVERYTHING, '--dry-run']);
    const applied = await admin.kubectl(
      ['apply', '--server-side', '--force-conflicts', '--dry-run=server', '-f', '-'],
      stdout,
    );
    assert.match(applied, /deployment\.apps\/isthmus-gateway serverside-applied \(server dry run\)/);
    assert.match(applied, /networkpolicy\.networking\.k8s\.io\/isthmus-controller serverside-applied/);
    assert.match(applied, /poddisruptionbudget\.policy\/isthmus-gateway serverside-applied/);
  });

  it('an image that is named goes before the digest of a values file', async () => {
    const file = resolve(server.dir, 'values.yaml');
    await writeFile(file, `image: { repository: old, digest: "sha256:${'0'.repeat(64)}", pullPolicy: Never }\n`);
    const manifests = await printed(['--values', file, '--image', 'registry.example.org/isthmus:9']);
    const text = JSON.stringify(manifests.filter(({ kind }) => kind === 'Deployment'));
    assert.equal(text.match(/"image":"registry\.example\.org\/isthmus:9","imagePullPolicy":"Never"/g)?.length, 2);
  });

  it('the kustomize base is taken by kubectl as it is', async () => {
    const base = resolve(import.meta.dirname, '../../../deploy/kustomize/base');
    const applied = await admin.kubectl([
      'apply',
      '--server-side',
      '--force-conflicts',
      '--dry-run=server',
      '-k',
      base,
    ]);
    assert.match(applied, /deployment\.apps\/isthmus-controller serverside-applied \(server dry run\)/);
    assert.match(applied, /customresourcedefinition\S+\/peers\.isthmus\.dev serverside-applied/);
  });

  it('pods of both kinds pass the strictest of the pod security standards', async () => {
    const enforce = { 'pod-security.kubernetes.io/enforce': 'restricted' };
    await server.admin.apply(NAMESPACES, namespace(DEFAULT_NAMESPACE, enforce));
    const deployments = (await printed(EVERYTHING)).filter(({ kind }) => kind === 'Deployment');
    assert.equal(deployments.length, 2);
    const create = (spec: unknown, name: string) =>
      server.admin.raw({
        method: 'POST',
        path: `/api/v1/namespaces/${DEFAULT_NAMESPACE}/pods`,
        query: { dryRun: 'All' },
        body: { apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec },
      });
    for (const { metadata, spec } of deployments) {
      const { spec: podSpec } = (spec as { template: { spec: Record<string, unknown> } }).template; // a Deployment has one
      const { status, body } = await create(podSpec, metadata.name);
      assert.equal(status, 201, JSON.stringify(body));
      // The check itself works: the same pod that may be root is refused.
      const lax = await create({ ...podSpec, securityContext: {} }, metadata.name);
      assert.equal(lax.status, 403);
      assert.match(JSON.stringify(lax.body), /restricted/);
    }
    assert.deepEqual((await server.admin.list(PODS, { namespace: DEFAULT_NAMESPACE })).items, []);
  });

  it('somebody who may not is told which object, and that it takes an administrator', async () => {
    const token = await server.token({ namespace: DEFAULT_NAMESPACE, serviceAccount: OWN_NAMES.controller });
    const kubeconfig = await server.kubeconfigFor(token, 'limited');
    const { code, stderr } = await admin.isthmus([...EAST, '--kubeconfig', kubeconfig, '--wait', '0s']);
    assert.equal(code, 1);
    assert.match(stderr, /^error: CustomResourceDefinition serviceexports\.multicluster\.x-k8s\.io: /m);
    assert.match(stderr, /^hint: .*cluster administrator/m);
  });

  it('a value that the API server refuses is told with its object', async () => {
    const odd = ['--set', 'gateway.service.nodePort=77', '--wait', '0s'];
    const { code, stderr } = await admin.isthmus([...EAST, ...odd]);
    assert.equal(code, 1);
    assert.match(stderr, /^error: Service isthmus-gateway: .*nodePort/m);
  });

  it('waits for the controllers of a member to start, not to be ready, and says what keeps them from it', async () => {
    const west = ['install', '--cluster', 'west', '--clusterset', 'prod.example.org', '--namespace', 'west'];
    const first = await admin.isthmus([...west, '--set', 'controller.replicas=1', '--wait', '1s']);
    assert.equal(first.code, 1);
    assert.match(first.stderr, /isthmus-controller: 0 of 1 started/);
    const labels = { 'app.kubernetes.io/name': 'isthmus', 'app.kubernetes.io/component': 'controller' };
    const where = { namespace: 'west', name: 'isthmus-controller-0' };
    await server.admin.create(PODS, pod(where, { ip: '10.1.0.1', node: 'n1', labels, ready: false }));
    const stands = (status: object) =>
      server.admin.patchStatus(PODS, where, { containerStatuses: [{ ...CONTAINER, ...status }] });
    const message = 'Back-off pulling image "isthmus:none"';
    await stands({ started: false, state: { waiting: { reason: 'ImagePullBackOff', message } } });
    const second = await admin.isthmus([...west, '--set', 'controller.replicas=1', '--wait', '1s']);
    assert.match(second.stderr, /0 of 1 started; pod isthmus-controller-0: ImagePullBackOff: Back-off pulling/);
    await stands({ started: true, state: { running: {} } });
    const third = await admin.isthmus([...west, '--set', 'controller.replicas=1', '--wait', '10s']);
    assert.equal(third.code, 0, third.stderr);
    assert.match(third.stderr, /isthmus join --kubernetes --namespace west --token-file FILE/);
  });

  it('an API server that is not there is told by its address', async () => {
    const path = await server.kubeconfigFor('x', 'gone');
    await writeFile(path, (await readFile(path, 'utf8')).replace(server.url, 'https://127.0.0.1:1'));
    const { code, stderr } = await admin.isthmus([...EAST, '--kubeconfig', path, '--wait', '0s']);
    assert.equal(code, 1);
    assert.match(stderr, /^error: .*127\.0\.0\.1:1/m);
  });
});
