/** What `isthmus install` asks an administrator to do where CoreDNS has no option `multicluster`: forward the zone. */
import { patchCorefile } from '../../kubernetes/dns/corefile.ts';
import { DEFAULT_NAMESPACE, OWN_NAMES } from '../../kubernetes/names.ts';
import type { KindCluster } from './kind-cluster.ts';

const DNS_NAMESPACE = 'kube-system';
const DNS_PORT = 53;

export async function forwardZone(cluster: KindCluster): Promise<void> {
  const [config, service] = await Promise.all([
    cluster.kubectlJson<{ readonly data: { readonly Corefile: string } }>([
      '-n',
      DNS_NAMESPACE,
      'get',
      'cm',
      'coredns',
    ]),
    cluster.kubectlJson<{ readonly spec: { readonly clusterIP: string } }>([
      ...['-n', DEFAULT_NAMESPACE, 'get', 'service', OWN_NAMES.dns],
    ]),
  ]);
  const servers = [{ address: service.spec.clusterIP, port: DNS_PORT }];
  const patched = patchCorefile(config.data.Corefile, { mode: 'forward', servers });
  if (patched.kind === 'unchanged') return;
  if (patched.kind === 'refused') throw new Error(patched.message);
  const patch = { data: { Corefile: patched.text } };
  const inNamespace = ['-n', DNS_NAMESPACE];
  await cluster.kubectl([
    ...inNamespace,
    'patch',
    'configmap',
    'coredns',
    '--type',
    'merge',
    '-p',
    JSON.stringify(patch),
  ]);
  await cluster.kubectl([...inNamespace, 'rollout', 'restart', 'deploy/coredns']);
  await cluster.kubectl([...inNamespace, 'rollout', 'status', 'deploy/coredns', '--timeout', '90s']);
}
