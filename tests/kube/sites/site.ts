/**
 * A Kubernetes cluster as an installation meets it, but for kubelets: a real API server with the CRDs and the objects of
 * `deploy/manifests`, controllers that may do what their ServiceAccount may, gateway pods that log in with projected tokens,
 * and applications. What a kubelet, a scheduler, a load balancer or the built-in slice controller would do, this does.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { replicaName } from '../../../controller/leadership/replica.ts';
import { softwareVersion } from '../../../controller/version.ts';
import { installManifests } from '../../../deploy/manifests/all.ts';
import type { Manifest } from '../../../deploy/manifests/common.ts';
import { VALUES_SCHEMA } from '../../../deploy/manifests/values.ts';
import type { KubeObject } from '../../../kubernetes/api/objects.ts';
import {
  CONFIG_MAPS,
  ENDPOINT_SLICES,
  LEASES,
  NAMESPACES,
  type Resource,
  SERVICES,
} from '../../../kubernetes/api/resources.ts';
import type { LeaseObject } from '../../../kubernetes/lease/lease-object.ts';
import { DEFAULT_NAMESPACE, GATEWAY_TOKEN_AUDIENCE, OWN_NAMES } from '../../../kubernetes/names.ts';
import { until } from '../../redis/until.ts';
import type { TestClient } from '../client.ts';
import { installCrds } from '../crds.ts';
import { endpointSlice, namespace, PODS, pod } from '../objects.ts';
import { type KubeServer, type KubeServerInit, startKubeServer } from '../server.ts';
import { Pod } from './pods.ts';
import { ServiceProxy } from './service-proxy.ts';

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
const STORE_PORT = 15_090;
/** Enough for every test: an agent tries all places in turn. */
const CONTROLLERS_MAX = 3;

/** As the Deployments say it; and half of the pod's memory limit (1Gi) for the heap, which V8 reads from the cgroup. */
const POD_ENV = { NODE_OPTIONS: '--max-semi-space-size=4 --max-old-space-size=512' };

export class Site implements AsyncDisposable {
  readonly name: string;
  readonly server: KubeServer;
  /** Pods of the site by name, those that ended too. */
  readonly pods = new Map<string, Pod>();
  readonly #init: SiteInit;
  readonly #site: string;
  #controllers = 0;
  #gateways = 0;

  private constructor(init: SiteInit, parts: { server: KubeServer; site: string }) {
    this.#init = init;
    this.name = init.name;
    this.server = parts.server;
    this.#site = parts.site;
  }

  static async start(init: SiteInit): Promise<Site> {
    await using starting = new AsyncDisposableStack();
    const server = starting.use(await startKubeServer({ name: init.name, ...init.server }));
    await installCrds(server);
    const site = await install(server.admin, init);
    await mountAccount(server);
    const made = new Site(init, { server, site });
    await made.#nameStore();
    starting.move();
    return made;
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
    const { hostname: host, port } = new URL(this.server.url);
    const env = { ...POD_ENV, POD_IP: ip, KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port };
    const mounts = { serviceAccount: accountFolder(this.server), hosts: hostsFile(this.server) };
    return this.#run({ name, ip, program, args, env, mounts, logFile: join(folder, 'log') });
  }

  stateDir(controller: string): string {
    return join(this.server.dir, controller, 'state');
  }

  /** As the Lease says; of the others those that run. @throws Error when nobody holds it */
  async leaderAndOthers(): Promise<readonly [Pod, ...(readonly Pod[])]> {
    const where = { namespace: DEFAULT_NAMESPACE, name: OWN_NAMES.lease };
    const lease = await this.admin.get<LeaseObject>(LEASES, where);
    const leader = this.pods.get(replicaName(lease?.spec?.holderIdentity ?? ''));
    if (leader === undefined) throw new Error(`nobody leads: ${JSON.stringify(lease?.spec)}`);
    return [leader, ...this.controllers.filter((other) => other !== leader && other.running)];
  }

  get controllers(): readonly Pod[] {
    const group = this.ip('controller', 0).slice(0, -1);
    return [...this.pods.values()].filter(({ ip }) => ip.startsWith(group));
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
    const running = this.#run({ name, ip, args, env: POD_ENV, logFile: join(folder, 'log') });
    await running.untilReady();
    await this.#publishGateway(name, ip);
    return running;
  }

  /** Serves the address of the Service `isthmus-store`, inside and outside of the cluster. */
  async storeProxy(): Promise<ServiceProxy> {
    const service = { namespace: DEFAULT_NAMESPACE, name: OWN_NAMES.store };
    await this.admin.patchStatus(SERVICES, service, { loadBalancer: { ingress: [{ ip: this.#storeIp }] } });
    return ServiceProxy.start(this.admin, service, { host: this.#storeIp, port: STORE_PORT });
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

  get #storeIp(): string {
    return `10.${this.#init.index}.0.10`;
  }

  async #nameStore(): Promise<void> {
    const name = `${OWN_NAMES.store}.${DEFAULT_NAMESPACE}.svc`;
    await writeFile(hostsFile(this.server), `127.0.0.1 localhost\n${this.#storeIp} ${name}\n`);
  }

  #run(container: ConstructorParameters<typeof Pod>[0]): Pod {
    const running = new Pod(container);
    this.pods.set(container.name, running);
    return running;
  }

  /** What the chart writes, with what only this host needs: every pod at an address of its own. */
  #siteOf(ip: string, stateDir: string): string {
    const site = parse(this.#site) as { spec: { kubernetes: object; listen: { store?: string } } }; // as `siteYaml` writes it
    const kubernetes = {
      ...site.spec.kubernetes,
      gatewayListenAddress: this.ip('gateway', 1),
      dnsListen: `${ip}:${DNS_PORT}`,
    };
    const store = site.spec.listen.store === undefined ? {} : { store: `${ip}:${STORE_PORT}` };
    const listen = { health: `${ip}:15020`, metrics: `${ip}:15014`, xds: `${ip}:${XDS_PORT}`, ...store };
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

function accountFolder({ dir }: KubeServer): string {
  return join(dir, 'serviceaccount');
}

function hostsFile({ dir }: KubeServer): string {
  return join(dir, 'hosts');
}

/** What the kubelet puts into the pods of the controllers: RBAC decides what they may. */
async function mountAccount(server: KubeServer): Promise<void> {
  const account = { namespace: DEFAULT_NAMESPACE, serviceAccount: OWN_NAMES.controller };
  const folder = accountFolder(server);
  await mkdir(folder);
  await writeFile(join(folder, 'token'), await server.token(account), { mode: 0o600 });
  await writeFile(join(folder, 'ca.crt'), server.ca);
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
