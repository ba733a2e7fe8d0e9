/**
 * The chart by helm on a real API server: installed, upgraded, rolled back and taken away. There are no kubelets, so nothing
 * waits for pods. Objects of the Prometheus operator are rendered and compared (deploy/manifests/chart.test.ts), not applied:
 * its definitions are not here.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { apiVersionOf, CLUSTER_SETS, CRDS, CONFIG_MAPS, type Resource } from '../../../kubernetes/api/resources.ts';
import type { KubeObject } from '../../../kubernetes/api/objects.ts';
import { DEFAULT_NAMESPACE } from '../../../kubernetes/names.ts';
import { type KubeServer, startKubeServer } from '../server.ts';
import { Admin, CHART, hasHelm } from './programs.ts';

const DEPLOYMENTS: Resource = { ...CONFIG_MAPS, group: 'apps', kind: 'Deployment', plural: 'deployments' };
const WHERE = ['--namespace', DEFAULT_NAMESPACE];
const VALUES = {
  cluster: 'east',
  clusterset: 'prod.example.org',
  authority: true,
  storeServer: { enabled: true },
  gateway: { service: { type: 'LoadBalancer', annotations: { 'example.org/lb': 'internal' } } },
};

interface Deployment extends KubeObject {
  readonly spec: {
    readonly replicas: number;
    readonly template: { readonly metadata: unknown; readonly spec: unknown };
  };
}

if (hasHelm) {
  describe('the chart on a real API server', () => {
    let server: KubeServer;
    let admin: Admin;
    before(async () => {
      server = await startKubeServer({ name: 'chart' });
      admin = new Admin(server);
    });
    after(() => server?.[Symbol.asyncDispose]());

    const helm = (command: readonly string[], values: object = VALUES) =>
      admin.helm([...command, ...WHERE, '-f', '-'], JSON.stringify(values));
    const controllers = () =>
      server.admin.get<Deployment>(DEPLOYMENTS, { namespace: DEFAULT_NAMESPACE, name: 'isthmus-controller' });
    const siteText = async (): Promise<string> => {
      const where = { namespace: DEFAULT_NAMESPACE, name: 'isthmus-controller-config' };
      const config = await server.admin.get<KubeObject & { data?: Record<string, string> }>(CONFIG_MAPS, where);
      return config?.data?.['site.yaml'] ?? '';
    };

    it('is installed with every object that it renders, and says what comes next', async () => {
      const said = await helm(['install', 'isthmus', CHART, '--create-namespace']);
      assert.match(said, /STATUS: deployed/);
      assert.match(said, /token create --cluster NAME/);
      const manifest = await admin.helm(['get', 'manifest', 'isthmus', ...WHERE]);
      for (const kind of ['NetworkPolicy', 'PodDisruptionBudget', 'Service', 'Deployment', 'ClusterRole']) {
        assert.match(manifest, new RegExp(`^kind: ${kind}$`, 'm'));
      }
      assert.match(
        await admin.kubectl([...WHERE, 'get', 'service', 'isthmus-gateway', '-o', 'yaml']),
        /type: LoadBalancer/,
      );
    });

    it('upgraded with other values it changes them, and rolls its pods when their configuration changed', async () => {
      const earlier = await controllers();
      await helm(['upgrade', 'isthmus', CHART], { ...VALUES, controller: { replicas: 3 }, region: 'eu' });
      const now = await controllers();
      assert.equal(now?.spec.replicas, 3);
      assert.match(await siteText(), /region: eu/);
      assert.notDeepEqual(now?.spec.template.metadata, earlier?.spec.template.metadata);
    });

    it('upgraded with the same values it changes nothing', async () => {
      const earlier = await controllers();
      await admin.helm(['upgrade', 'isthmus', CHART, ...WHERE, '--reset-then-reuse-values']);
      assert.equal((await controllers())?.metadata.resourceVersion, earlier?.metadata.resourceVersion);
    });

    it('rolled back it is as it was', async () => {
      await admin.helm(['rollback', 'isthmus', '1', ...WHERE]);
      assert.equal((await controllers())?.spec.replicas, 2);
      assert.doesNotMatch(await siteText(), /region/);
    });

    it('refuses values that are wrong, and leaves everything as it is', async () => {
      const earlier = await controllers();
      await assert.rejects(helm(['upgrade', 'isthmus', CHART], { ...VALUES, gateway: { replica: 3 } }), /replica/);
      assert.equal((await controllers())?.metadata.resourceVersion, earlier?.metadata.resourceVersion);
    });

    it('is taken over by isthmus install, which writes the same pods', async () => {
      const earlier = await controllers();
      const args = ['--cluster', 'east', '--clusterset', 'prod.example.org', '--authority', '--wait', '0s'];
      const { code, stderr } = await admin.isthmus(['install', ...args]);
      assert.equal(code, 0, stderr);
      // The Site says the same in other words, so its checksum rolls the pods once.
      assert.deepEqual((await controllers())?.spec.template.spec, earlier?.spec.template.spec);
    });

    it('taken away it leaves the definitions, and what people wrote in their kinds', async () => {
      const pins = { metadata: { name: 'default' }, spec: {} };
      await server.admin.apply(CLUSTER_SETS, { apiVersion: apiVersionOf(CLUSTER_SETS), ...pins });
      await admin.helm(['uninstall', 'isthmus', ...WHERE]);
      assert.equal(await controllers(), undefined);
      const { items } = await server.admin.list(CRDS);
      assert.deepEqual(
        items.map(({ metadata }) => metadata.name),
        [
          ...['clustersets', 'exportgrants', 'failoverpolicies', 'peers'].map((kind) => `${kind}.isthmus.dev`),
          ...['serviceexports', 'serviceimports'].map((kind) => `${kind}.multicluster.x-k8s.io`),
        ],
      );
      assert.notEqual(await server.admin.get(CLUSTER_SETS, pins.metadata), undefined);
    });
  });
} else {
  process.stderr.write(
    'NOT TESTED: the chart on an API server, because helm is missing (`make helm` builds it; needs Go)\n',
  );
}
