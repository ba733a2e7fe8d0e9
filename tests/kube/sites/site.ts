/**
 * A Kubernetes cluster as an installation meets it, but for kubelets: a real API server with the CRDs and the objects of
 * `deploy/manifests`, controllers that may do what their ServiceAccount may, gateway pods that log in with projected tokens,
 * and applications. What a kubelet, a scheduler, a load balancer or the built-in slice controller would do, this does.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { softwareVersion } from '../../../controller/version.ts';
import { installManifests } from '../../../deploy/manifests/all.ts';
import type { Manifest } from '../../../deploy/manifests/common.ts';
import { VALUES_SCHEMA } from '../../../deploy/manifests/values.ts';
import type { KubeObject } from '../../../kubernetes/api/objects.ts';
import {
  CONFIG_MAPS,
  ENDPOINT_SLICES,
  NAMESPACES,
  type Resource,
  SERVICES,
} from '../../../kubernetes/api/resources.ts';
import { DEFAULT_NAMESPACE, GATEWAY_TOKEN_AUDIENCE, OWN_NAMES } from '../../../kubernetes/names.ts';
import { until } from '../../redis/until.ts';
import type { TestClient } from '../client.ts';
import { installCrds } from '../crds.ts';
import { endpointSlice, namespace, PODS, pod } from '../objects.ts';
import { type KubeServer, type KubeServerInit, startKubeServer } from '../server.ts';
import { Pod } from './pods.ts';

export interface SiteInit {
  readonly name: string;
  /** Second octet of its pods' addresses. */
  readonly index: number;
  /** Of the chart, besides the names. */
  readonly values?: Readonly<Record<string, unknown>>;
  readonly server?: KubeServerInit;
  /** What runs in the controllers' containers. Default: the program itself. */
  readonly program?: readonly string[];
}

export const CLUSTERSET = 'prod.example.org';
export const EAST_WEST_PORT = 15_443;
const XDS_PORT = 15_010;
const DNS_PORT = 15_053;
/** Enough for every test: an agent tries all places in turn. */
const CONTROLLERS_MAX = 3;

export class Site implements AsyncDisposable {
  readonly name: string;
  readonly server: KubeServer;
  /** Pods of the site by name, those that ended too. */
  readonly pods = new Map<string, Pod>();
  readonly #init: SiteInit;
  readonly #site: string;
  readonly #kubeconfig: string;
  #controllers = 0;
  #gateways = 0;

  private constructor(init: SiteInit, parts: { server: KubeServer; site: string; kubeconfig: string }) {
    this.#init = init;
    this.name = init.name;
    this.server = parts.server;
    this.#site = parts.site;
    this.#kubeconfig = parts.kubeconfig;
  }

  static async start(init: SiteInit): Promise<Site> {
    await using starting = new AsyncDisposableStack();
    const server = starting.use(await startKubeServer({ name: init.name, ...init.server }));
    await installCrds(server);
    const site = await install(server.admin, init);
    const account = { namespace: DEFAULT_NAMESPACE, serviceAccount: OWN_NAMES.controller };
    const kubeconfig = await server.kubeconfigFor(await server.token(account), 'controller');
    starting.move();
    return new Site(init, { server, site, kubeconfig });
  }

  get admin(): TestClient {
    return this.server.admin;
  }

  ip(group: 'controller' | 'gateway' | 'app', number: number): string {
    return `10.${this.#init.index}.${{ controller: 1, gateway: 2, app: 3 }[group]}.${number}`;
  }

  /** A controller's pod with an empty disk. It is not ready when this resolves: it may have to wait for a join. */
  async controller(name = String.fromCharCode(97 + this.#controllers)): Promise<Pod> {
    this.#controllers += 1;
    const ip = this.ip('controller', this.#controllers);
    const folder = join(this.server.dir, name);
    await mkdir(folder);
    const file = join(folder, 'site.yaml');
    await writeFile(file, this.#siteOf(ip, this.stateDir(name)));
    const args = ['controller', '--config', file, '--replica', name];
    const { program } = this.#init;
    return this.#run({ name, ip, program, args, env: { POD_IP: ip }, logFile: join(folder, 'log') });
  }

  stateDir(controller: string): string {
    return join(this.server.dir, controller, 'state');
  }

  /** A gateway's pod, ready and behind the Service when this resolves. */
  async gateway(name = `gw-${this.#gateways + 1}`): Promise<Pod> {
    this.#gateways += 1;
    // One listen address for all gateways of a site, so one gateway.
    const ip = this.ip('gateway', 1);
    const folder = join(this.server.dir, name);
    await mkdir(folder);
    const place = { namespace: DEFAULT_NAMESPACE, name };
    const labels = { 'app.kubernetes.io/name': 'isthmus', 'app.kubernetes.io/component': 'gateway' };
    const { metadata } = await this.admin.create(
      PODS,
      pod(place, { ip, node: 'node-1', labels, serviceAccountName: OWN_NAMES.gateway, ready: false }),
    );
    const account = { namespace: DEFAULT_NAMESPACE, serviceAccount: OWN_NAMES.gateway };
    const bound = { name, uid: metadata.uid ?? '' };
    const token = await this.server.token(account, { audience: GATEWAY_TOKEN_AUDIENCE, pod: bound });
    const [site, tokenFile, ca] = ['site.yaml', 'token', 'ca.pem'].map((file) => join(folder, file));
    if (site === undefined || tokenFile === undefined || ca === undefined) throw new Error('unreachable');
    await writeFile(site, this.#siteOf(ip, join(folder, 'state')));
    await writeFile(tokenFile, token, { mode: 0o600 });
    await writeFile(ca, await this.#clusterCa());
    const places = Array.from({ length: CONTROLLERS_MAX }, (_, at) => `${this.ip('controller', at + 1)}:${XDS_PORT}`);
    const args = [
      ...['gateway', 'run', '--config', site, '--gateway', name, '--controller', places.join()],
      ...['--controller-ca', ca, '--token-file', tokenFile],
      ...['--health-listen', `${ip}:15020`, '--metrics-listen', `${ip}:15014`],
    ];
    const running = this.#run({ name, ip, args, logFile: join(folder, 'log') });
    await running.untilReady();
    await this.#publishGateway(name, ip);
    return running;
  }

  /** All that kubectl and the chart's users see of a namespace. */
  async ensureNamespace(name: string): Promise<void> {
    await this.admin.apply(NAMESPACES, namespace(name));
  }

  dnsServer(controller: Pod): string {
    return `${controller.ip}:${DNS_PORT}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.pods.values()].map((running) => running[Symbol.asyncDispose]()));
    await this.server[Symbol.asyncDispose]();
  }

  #run(container: ConstructorParameters<typeof Pod>[0]): Pod {
    const running = new Pod(container);
    this.pods.set(container.name, running);
    return running;
  }

  /** What the chart writes, with what only this host needs: every pod at an address of its own. */
  #siteOf(ip: string, stateDir: string): string {
    const site = parse(this.#site) as { spec: { kubernetes: object; listen: object } }; // as `siteYaml` writes it
    const kubernetes = {
      ...site.spec.kubernetes,
      kubeconfig: this.#kubeconfig,
      gatewayListenAddress: this.ip('gateway', 1),
      dnsListen: `${ip}:${DNS_PORT}`,
    };
    const listen = { health: `${ip}:15020`, metrics: `${ip}:15014`, xds: `${ip}:${XDS_PORT}` };
    return stringify({ ...site, spec: { ...site.spec, stateDir, kubernetes, listen } });
  }

  /** As the kubelet mounts it, once it is there. */
  async #clusterCa(): Promise<string> {
    let pem: string | undefined;
    await until('the controller to publish its anchors', async () => {
      const where = { namespace: DEFAULT_NAMESPACE, name: OWN_NAMES.trust };
      const object = await this.admin.get<KubeObject & { data?: Record<string, string> }>(CONFIG_MAPS, where);
      pem = object?.data?.['ca.pem'];
      return pem !== undefined;
    });
    return pem ?? '';
  }

  /** The readiness of the pod, its slice, and the address that a load balancer gives to the Service. */
  async #publishGateway(name: string, ip: string): Promise<void> {
    const place = { namespace: DEFAULT_NAMESPACE, name };
    await this.admin.patchStatus(PODS, place, { conditions: [{ type: 'Ready', status: 'True' }] });
    const targetRef = { kind: 'Pod', ...place };
    await this.admin.apply(
      ENDPOINT_SLICES,
      endpointSlice(
        { namespace: DEFAULT_NAMESPACE, name: 'isthmus-gateway-by-test' },
        {
          service: OWN_NAMES.gateway,
          endpoints: [{ addresses: [ip], conditions: { ready: true }, targetRef }],
          ports: [{ name: 'gateway', protocol: 'TCP', port: EAST_WEST_PORT }],
        },
      ),
    );
    await this.admin.patchStatus(
      SERVICES,
      { namespace: DEFAULT_NAMESPACE, name: OWN_NAMES.gateway },
      { loadBalancer: { ingress: [{ ip }] } },
    );
  }
}

/** As `isthmus install` does. The text of the Site for the pods. */
async function install(admin: TestClient, { name, values }: SiteInit): Promise<string> {
  await admin.apply(NAMESPACES, namespace(DEFAULT_NAMESPACE));
  const manifests = installManifests({
    values: VALUES_SCHEMA.parse({ cluster: name, clusterset: CLUSTERSET, ...values }),
    release: { namespace: DEFAULT_NAMESPACE, version: softwareVersion() },
  });
  for (const manifest of manifests) await admin.apply(kindOf(manifest), manifest, { manager: 'install' });
  const config = manifests.find(({ kind }) => kind === 'ConfigMap');
  return (config as unknown as { data: Record<string, string> }).data['site.yaml'] ?? ''; // the only ConfigMap of the chart
}

function kindOf({ apiVersion, kind, metadata }: Manifest): Resource {
  const [version = '', group = ''] = apiVersion.split('/').toReversed();
  const singular = kind.toLowerCase();
  const plural = singular.endsWith('y') ? `${singular.slice(0, -1)}ies` : `${singular}s`;
  return { group, version, kind, plural, scope: metadata.namespace === undefined ? 'Cluster' : 'Namespaced' };
}
