/**
 * A real API server for tests: etcd and kube-apiserver in one process on a free port of the loopback, RBAC on, with its files
 * in a temporary folder; on request kube-controller-manager beside it. It ends with its owner, however that ends.
 *
 * Nothing else runs: no kubelet, no scheduler, and without `controllers` nobody finishes the deletion of a namespace or
 * writes EndpointSlices. About 300 MB of memory and 4 s a server.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { auditArguments, type AuditEvent, readAudit } from './audit.ts';
import { TestClient } from './client.ts';
import { CONTROLLER_MANAGER_READY, controllerManagerCommand } from './controller-manager.ts';
import { KubeProcess } from './process.ts';
import { kubeCommand } from './program.ts';

export interface KubeServerInit {
  /** Of the temporary folder, to tell servers apart in a process list. Default `kube`. */
  readonly name?: string;
  /** Keeps a line for each request, for `auditLines`. */
  readonly audit?: boolean;
  /** Starts kube-controller-manager: EndpointSlices, namespaces, service accounts, garbage. 130 MB more. */
  readonly controllers?: boolean;
  /** Of Services. Default `10.96.0.0/16`. */
  readonly serviceCidr?: string;
  /** More for kube-apiserver. */
  readonly flags?: readonly string[];
}

const START_LIMIT_MS = 120_000;
/** The next server may find its port in use: by another test that was given it while this one was down. */
const RESTART_ATTEMPTS = 20;

export async function startKubeServer(init: KubeServerInit = {}): Promise<KubeServer> {
  // A short path: a unix socket's name has at most 107 bytes, and etcd's lies in here.
  const dir = await mkdtemp(join(tmpdir(), `${init.name ?? 'kube'}-`));
  try {
    return await KubeServer.start(dir, init);
  } catch (error) {
    await rm(dir, { recursive: true, force: true });
    throw error;
  }
}

export class KubeServer implements AsyncDisposable {
  /** `https://127.0.0.1:PORT`, the same after a restart. */
  readonly url: string;
  /** Path of a kubeconfig that may do everything (client certificate, system:masters). */
  readonly kubeconfig: string;
  readonly dir: string;
  /** PEM, by which clients know the server. */
  readonly ca: string;
  /** May do everything. */
  readonly admin: TestClient;
  readonly #init: KubeServerInit;
  #server: KubeProcess;
  #controllers: KubeProcess | undefined;

  private constructor(
    parts: { readonly server: KubeProcess; readonly admin: TestClient },
    init: KubeServerInit & { readonly dir: string; readonly url: string; readonly ca: string },
  ) {
    this.#server = parts.server;
    this.admin = parts.admin;
    this.#init = init;
    this.url = init.url;
    this.dir = init.dir;
    this.ca = init.ca;
    this.kubeconfig = join(init.dir, 'admin.kubeconfig');
  }

  static async start(dir: string, init: KubeServerInit): Promise<KubeServer> {
    if (init.audit === true) await writeFile(join(dir, 'audit-policy.json'), JSON.stringify(AUDIT_POLICY));
    const process = KubeProcess.spawn(serverCommand(dir, init, 0), join(dir, 'server.log'));
    try {
      const url = await ready(process);
      const [ca = '', cert = '', key = ''] = await Promise.all(
        ['ca.crt', 'admin.crt', 'admin.key'].map((name) => readFile(join(dir, name), 'utf8')),
      );
      const admin = new TestClient({ url, ca, certificate: { cert, key } });
      const server = new KubeServer({ server: process, admin }, { ...init, dir, url, ca });
      await server.#startControllers();
      return server;
    } catch (error) {
      await process.end('SIGKILL');
      throw error;
    }
  }

  get pid(): number {
    return this.#server.pid;
  }

  /** SIGTERM: requests under way are finished, watches end in order. The data stay. */
  async stop(): Promise<void> {
    await this.#end('SIGTERM');
  }

  /** SIGKILL: connections are reset. The data stay. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** At the same address with the same data and keys, after `stop`, `kill` or out of running (then by `kill`). */
  async restart(): Promise<void> {
    await this.#end('SIGKILL');
    const port = Number(new URL(this.url).port);
    for (let attempt = 1; ; attempt += 1) {
      this.#server = KubeProcess.spawn(serverCommand(this.dir, this.#init, port), join(this.dir, 'server.log'));
      try {
        await ready(this.#server);
        break;
      } catch (error) {
        if (this.#server.running) await this.#server.end('SIGKILL');
        if (attempt === RESTART_ATTEMPTS || !String(error).includes('address already in use')) throw error;
      }
    }
    await this.#startControllers();
  }

  /** SIGSTOP: the kernel still accepts connections and bytes, nothing is ever answered. */
  pause(): void {
    this.#server.signal('SIGSTOP');
  }

  resume(): void {
    this.#server.signal('SIGCONT');
  }

  /** Every request since the start, in the order of their ends. Only with `audit`. */
  auditLines(): Promise<readonly AuditEvent[]> {
    return readAudit(this.dir);
  }

  /** Of a ServiceAccount that exists, by TokenRequest. @throws KubeApiError */
  async token(
    of: { readonly namespace: string; readonly serviceAccount: string },
    init: { readonly audience?: string; readonly pod?: { readonly name: string; readonly uid: string } } = {},
  ): Promise<string> {
    const { audience, pod } = init;
    const answer = await this.admin.call({
      method: 'POST',
      path: `/api/v1/namespaces/${of.namespace}/serviceaccounts/${of.serviceAccount}/token`,
      body: {
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenRequest',
        spec: {
          ...(audience === undefined ? {} : { audiences: [audience] }),
          ...(pod === undefined ? {} : { boundObjectRef: { apiVersion: 'v1', kind: 'Pod', ...pod } }),
        },
      },
    });
    return (answer as { status: { token: string } }).status.token; // a 2xx to a TokenRequest
  }

  /** Writes a kubeconfig for a bearer token, such as `token` gives: RBAC then decides. Its path. */
  async kubeconfigFor(token: string, name = 'limited'): Promise<string> {
    const path = join(this.dir, `${name}.kubeconfig`);
    const certificate = Buffer.from(this.ca).toString('base64');
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': name,
      clusters: [{ name, cluster: { server: this.url, 'certificate-authority-data': certificate } }],
      users: [{ name, user: { token } }],
      contexts: [{ name, context: { cluster: name, user: name } }],
    };
    await writeFile(path, JSON.stringify(config), { mode: 0o600 });
    return path;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.admin.close();
    await this.#end('SIGKILL');
    await rm(this.dir, { recursive: true, force: true });
  }

  async #startControllers(): Promise<void> {
    if (this.#init.controllers !== true) return;
    const process = KubeProcess.spawn(controllerManagerCommand(this.dir), join(this.dir, 'controllers.log'));
    this.#controllers = process;
    await process.untilLogged(CONTROLLER_MANAGER_READY, START_LIMIT_MS);
  }

  async #end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    if (this.#controllers?.running === true) await this.#controllers.end('SIGKILL');
    if (this.#server.running) await this.#server.end(signal);
  }
}

const AUDIT_POLICY = {
  apiVersion: 'audit.k8s.io/v1',
  kind: 'Policy',
  omitStages: ['RequestReceived'],
  rules: [{ level: 'Metadata' }],
};

function serverCommand(dir: string, init: KubeServerInit, port: number): readonly string[] {
  const { audit = false, serviceCidr = '10.96.0.0/16', flags = [] } = init;
  const own = ['--dir', dir, '--port', String(port), '--cidr', serviceCidr];
  return [...kubeCommand('kubeapi'), ...own, '--', ...(audit ? auditArguments(dir) : []), ...flags];
}

/** The server's address, once /readyz has said yes. */
async function ready(process: KubeProcess): Promise<string> {
  const [, url = ''] = await process.untilLogged(/^ready (https:\S+)/m, START_LIMIT_MS);
  return url;
}
