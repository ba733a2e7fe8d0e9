/**
 * The only door to `@kubernetes/client-node`: kubeconfig files and whatever proves in them who we are (exec plugins, token
 * files, client certificates, proxies). The requests are made by `api/https-transport.ts`.
 */
import type { RequestOptions } from 'node:https';
import { type Cluster, KubeConfig } from '@kubernetes/client-node';
import type { Clock } from '../runtime/clock.ts';
import { errorText, InvalidInputError } from '../runtime/errors.ts';
import { type Credentials, HttpsTransport, type Identity } from './api/https-transport.ts';
import type { OpenKubeTransport } from './api/transport.ts';
import { openPodTransport } from './service-account.ts';

export interface KubeTransportInit {
  /** Path of a kubeconfig. Absent: the service account of the pod. */
  readonly kubeconfig?: string | undefined;
  /** Of the kubeconfig; absent: its current one. */
  readonly context?: string | undefined;
  /** Shown in the audit log of the server. Default `isthmus`. */
  readonly userAgent?: string | undefined;
}

export type { OpenKubeTransport };

/** @throws InvalidInputError for a kubeconfig that cannot be used; nothing is dialled yet */
export function openKubeTransport(init: KubeTransportInit, components: { clock: Clock }): OpenKubeTransport {
  const { kubeconfig, context, userAgent = 'isthmus' } = init;
  if (kubeconfig === undefined) return openPodTransport(components, { env: process.env, userAgent });
  const credentials = new ConfigCredentials({ path: kubeconfig, context });
  return new HttpsTransport({ clock: components.clock, credentials }, { userAgent });
}

/**
 * What client-node makes of a configuration. It reads certificates anew for each request and a token file once a minute (as
 * client-go); the rest is read again when the server does not accept it.
 */
class ConfigCredentials implements Credentials {
  readonly #init: ConfigInit;
  #config: KubeConfig | undefined;

  constructor(init: ConfigInit) {
    this.#init = init;
    this.#config = load(init);
  }

  async current(): Promise<Identity> {
    this.#config ??= load(this.#init);
    const config = this.#config;
    const headers: Record<string, string> = {};
    const options: RequestOptions = { headers };
    await config.applyToHTTPSOptions(options);
    delete options.headers;
    const cluster = currentCluster(config, this.#init.path);
    // Its agent keeps no connections. Only a proxy needs it: our own agent takes the same TLS options.
    if (cluster.proxyUrl === undefined) delete options.agent;
    return { server: new URL(cluster.server), headers, options };
  }

  reload(): void {
    this.#config = undefined;
  }
}

interface ConfigInit {
  readonly path: string;
  readonly context: string | undefined;
}

function load({ path, context }: ConfigInit): KubeConfig {
  const config = new KubeConfig();
  try {
    config.loadFromFile(path);
  } catch (error) {
    throw unusable(path, errorText(error));
  }
  if (context !== undefined) {
    if (config.getContextObject(context) === null) throw unusable(path, `it has no context ${context}`);
    config.setCurrentContext(context);
  }
  currentCluster(config, path);
  return config;
}

function currentCluster(config: KubeConfig, path: string): Cluster {
  const cluster = config.getCurrentCluster();
  if (cluster === null) throw unusable(path, 'its current context names no cluster');
  if (!URL.canParse(cluster.server)) throw unusable(path, 'the address of its server is not a URL');
  return cluster;
}

function unusable(path: string, message: string): InvalidInputError {
  return new InvalidInputError(`kubeconfig ${path}: ${message}`, [
    {
      severity: 'error',
      reason: 'UnusableKubeconfig',
      message,
      file: path,
      field: 'spec.kubernetes.kubeconfig',
      hint: '`kubectl config view --minify` shows what it names',
    },
  ]);
}
