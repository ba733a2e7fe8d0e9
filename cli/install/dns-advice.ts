import { KubeApiError, type KubeTransport } from '../../kubernetes/api/transport.ts';
import { chooseCoreDnsMode } from '../../kubernetes/dns/coredns-version.ts';
import { type CorefileOutcome, type CorefileWish, patchCorefile } from '../../kubernetes/dns/corefile.ts';
import { OWN_NAMES } from '../../kubernetes/names.ts';
import { assertNever } from '../../runtime/errors.ts';

/**
 * How a cluster's own CoreDNS comes to answer for `clusterset.local`. Its Corefile is the cluster's: it is never changed
 * unasked, what to change is told, down to the octet where it could be read.
 */
const DNS_PORT = 53;

/** For `--dry-run`, as comments behind the objects: nothing was asked of the cluster. */
export function dnsAdvice(namespace: string): string {
  const forward = patched('', { mode: 'forward', servers: [{ address: '192.0.2.53', port: DNS_PORT }] });
  const plugin = patched('kubernetes cluster.local in-addr.arpa ip6.arpa {\n}\n', { mode: 'kubernetes-plugin' });
  const lines = [
    'DNS for clusterset.local, to be changed in the Corefile of this cluster (ConfigMap coredns in kube-system):',
    'CoreDNS 1.12.2 and later, in the line of the plugin kubernetes:',
    '',
    ...plugin.trimEnd().split('\n'),
    '',
    `older ones; in the place of 192.0.2.53 the cluster IP of the Service ${OWN_NAMES.dns} in ${namespace}:`,
    '',
    ...forward.trimEnd().split('\n'),
  ];
  return lines
    .map((line) => (line === '' ? '#' : `# ${line}`))
    .join('\n')
    .concat('\n');
}

export interface CoreDns {
  /** Of its container. */
  readonly image: string;
  readonly corefile: string;
  /** Cluster IPs of our own DNS Service. */
  readonly servers: readonly string[];
}

/** Undefined where there is no CoreDNS under its usual name, or no DNS Service of ours. */
export async function readCoreDns(kube: KubeTransport, namespace: string): Promise<CoreDns | undefined> {
  const read = async (path: string): Promise<unknown> => {
    try {
      return await kube.call({ method: 'GET', path });
    } catch (error) {
      if (error instanceof KubeApiError && (error.reason === 'NotFound' || error.reason === 'Forbidden'))
        return undefined;
      throw error;
    }
  };
  // Three objects of the API, of which only what is named here is read, and nothing is taken for granted.
  const deployment = (await read('/apis/apps/v1/namespaces/kube-system/deployments/coredns')) as
    | {
        readonly spec?: {
          readonly template?: { readonly spec?: { readonly containers?: readonly { readonly image?: string }[] } };
        };
      }
    | undefined;
  const config = (await read('/api/v1/namespaces/kube-system/configmaps/coredns')) as
    | { readonly data?: Readonly<Record<string, string>> }
    | undefined;
  const service = (await read(`/api/v1/namespaces/${namespace}/services/${OWN_NAMES.dns}`)) as
    | { readonly spec?: { readonly clusterIPs?: readonly string[] } }
    | undefined;
  const image = deployment?.spec?.template?.spec?.containers?.[0]?.image;
  const corefile = config?.data?.['Corefile'];
  if (image === undefined || corefile === undefined) return undefined;
  return { image, corefile, servers: service?.spec?.clusterIPs ?? [] };
}

/** What is to be done in this very cluster; undefined when nothing is. */
export function advise({ image, corefile, servers }: CoreDns): string | undefined {
  const { mode, message } = chooseCoreDnsMode(image);
  const wish: CorefileWish =
    mode === 'forward'
      ? { mode, servers: servers.map((address) => ({ address, port: DNS_PORT })) }
      : { mode: 'kubernetes-plugin' };
  const outcome = patchCorefile(corefile, wish);
  switch (outcome.kind) {
    case 'unchanged':
      return undefined;
    case 'refused':
      return `DNS for clusterset.local: ${outcome.message}; left as it is`;
    case 'changed':
      return `DNS for clusterset.local: ${message}. Set this Corefile in ConfigMap coredns of kube-system:\n${outcome.text}`;
    default:
      return assertNever(outcome);
  }
}

function patched(corefile: string, wish: CorefileWish): string {
  const outcome: CorefileOutcome = patchCorefile(corefile, wish);
  return outcome.kind === 'changed' ? outcome.text : corefile;
}
