/** Pods that no kubelet runs: an object of the API server, and beside it the process or server that it stands for. */
import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { until } from '../../redis/until.ts';
import { KubeProcess } from '../process.ts';

const ISTHMUS = resolve(import.meta.dirname, '../../../bin/isthmus');
const HEALTH_PORT = 15_020;

/** What the pod's container has of its own. */
export interface Container {
  readonly name: string;
  readonly ip: string;
  /** Default: the program itself. */
  readonly program?: readonly string[] | undefined;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** What is mounted into a pod of the cluster: the token of its ServiceAccount, and names as its DNS would tell them. */
  readonly mounts?: { readonly serviceAccount: string; readonly hosts: string };
  readonly logFile: string;
}

/** A container of the image: the program, its probes at the pod's address. It can be restarted with the disk it has. */
export class Pod implements AsyncDisposable {
  readonly name: string;
  readonly ip: string;
  readonly #container: Container;
  #process: KubeProcess;

  constructor(container: Container) {
    this.name = container.name;
    this.ip = container.ip;
    this.#container = container;
    this.#process = spawn(container);
  }

  get pid(): number {
    return this.#process.pid;
  }

  get logFile(): string {
    return this.#container.logFile;
  }

  get running(): boolean {
    return this.#process.running;
  }

  untilLogged(pattern: RegExp, limitMs = 60_000): Promise<RegExpExecArray> {
    return this.#process.untilLogged(pattern, limitMs);
  }

  /** Its answer to a probe; undefined when nobody listens. */
  async probe(path: '/healthz' | '/readyz'): Promise<{ readonly ok: boolean; readonly text: string } | undefined> {
    try {
      const response = await fetch(`http://${this.ip}:${HEALTH_PORT}${path}`, { signal: AbortSignal.timeout(2_000) });
      return { ok: response.ok, text: await response.text() };
    } catch {
      return undefined;
    }
  }

  async untilReady(limitMs = 60_000): Promise<void> {
    let last = '';
    const look = async (): Promise<boolean> => {
      if (!this.running) throw new Error(`it ended: ${(await this.#process.untilLogged(/[^]*$/, 0))[0].slice(-3_000)}`);
      const answer = await this.probe('/readyz');
      last = answer?.text ?? 'no answer';
      if (answer?.ok !== true) throw new Error(last);
      return true;
    };
    await until(`${this.name} to be ready`, look, limitMs);
  }

  end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    return this.#process.running ? this.#process.end(signal) : Promise.resolve();
  }

  /** As a kubelet restarts a container: what the pod had on its disk is there. */
  async restart(signal: 'SIGTERM' | 'SIGKILL' = 'SIGKILL'): Promise<void> {
    await this.end(signal);
    this.#process = spawn(this.#container);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end('SIGKILL');
  }
}

function spawn({ program = [ISTHMUS], args, env = {}, mounts, logFile }: Container): KubeProcess {
  const given = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  const { serviceAccount = '', hosts = '' } = mounts ?? {};
  const mount = mounts === undefined ? [] : ['unshare', '--mount', '--', 'sh', '-c', MOUNT, serviceAccount, hosts];
  return KubeProcess.spawn(['env', ...given, ...mount, ...program, ...args], logFile);
}

/** In a mount namespace of its own, as root of the test's network; the process stays the same one. */
const MOUNT = [
  'mount -t tmpfs tmpfs /run',
  'mkdir -p /run/secrets/kubernetes.io/serviceaccount',
  'mount --bind "$0" /run/secrets/kubernetes.io/serviceaccount',
  'mount --bind "$1" /etc/hosts',
  'shift',
  'exec "$@"',
].join(' && ');

/** An application: says who it is, and counts. */
export class App implements AsyncDisposable {
  readonly name: string;
  readonly ip: string;
  readonly #server: Server;
  asked = 0;

  private constructor(name: string, ip: string) {
    this.name = name;
    this.ip = ip;
    this.#server = createServer((_request, response) => {
      this.asked += 1;
      response.end(name);
    });
    // Envoy keeps its connections for longer than Node would.
    this.#server.keepAliveTimeout = 0;
  }

  static async start(name: string, ip: string, port = APP_PORT): Promise<App> {
    const app = new App(name, ip);
    app.#server.listen(port, ip);
    await once(app.#server, 'listening');
    return app;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

export const APP_PORT = 8_080;
