/**
 * Who a pod is to its API server, without `@kubernetes/client-node`: that loads a class for every kind of Kubernetes, 90 MB
 * of memory that each controller would hold for two small files. Kubeconfig files are for `client.ts`.
 */
import { readFile } from 'node:fs/promises';
import { isIPv6 } from 'node:net';
import { join } from 'node:path';
import type { Clock } from '../runtime/clock.ts';
import { InvalidInputError } from '../runtime/errors.ts';
import { type Credentials, HttpsTransport, type Identity } from './api/https-transport.ts';
import type { OpenKubeTransport } from './api/transport.ts';

/** Kubernetes documentation, "Accessing the Kubernetes API from a Pod". */
const FOLDER = '/var/run/secrets/kubernetes.io/serviceaccount';
/** The kubelet replaces a token when four fifths of its life are over; client-go reads it again as often. */
const READ_AGAIN_AFTER_MS = 60_000;

export interface ServiceAccountInit {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where `token` and `ca.crt` are. */
  readonly folder?: string | undefined;
}

export class ServiceAccountCredentials implements Credentials {
  readonly #clock: Clock;
  readonly #server: URL;
  readonly #folder: string;
  #read: { readonly identity: Identity; readonly atMs: number } | undefined;

  /** @throws InvalidInputError outside of a pod */
  constructor(components: { readonly clock: Clock }, { env, folder = FOLDER }: ServiceAccountInit) {
    this.#clock = components.clock;
    this.#folder = folder;
    this.#server = serverOf(env);
  }

  async current(): Promise<Identity> {
    const nowMs = this.#clock.monotonicMs();
    if (this.#read !== undefined && nowMs - this.#read.atMs < READ_AGAIN_AFTER_MS) return this.#read.identity;
    const [token, ca] = await Promise.all(
      ['token', 'ca.crt'].map((file) => readFile(join(this.#folder, file), 'utf8')),
    );
    const identity = {
      server: this.#server,
      headers: { Authorization: `Bearer ${(token ?? '').trim()}` },
      options: { ca },
    };
    this.#read = { identity, atMs: nowMs };
    return identity;
  }

  reload(): void {
    this.#read = undefined;
  }
}

/** @throws InvalidInputError outside of a pod */
export function openPodTransport(
  components: { readonly clock: Clock },
  init: ServiceAccountInit & { readonly userAgent: string },
): OpenKubeTransport {
  const credentials = new ServiceAccountCredentials(components, init);
  return new HttpsTransport({ ...components, credentials }, { userAgent: init.userAgent });
}

function serverOf(env: ServiceAccountInit['env']): URL {
  const host = env['KUBERNETES_SERVICE_HOST'] ?? '';
  const port = env['KUBERNETES_SERVICE_PORT'] ?? '';
  const url = `https://${isIPv6(host) ? `[${host}]` : host}:${port}`;
  if (host !== '' && URL.canParse(url)) return new URL(url);
  throw new InvalidInputError('kubernetes', [
    {
      severity: 'error',
      reason: 'NotInCluster',
      message: 'there is no service account here, and no kubeconfig is named',
      field: 'spec.kubernetes.kubeconfig',
      hint: 'run it in a pod, or name a kubeconfig',
    },
  ]);
}
