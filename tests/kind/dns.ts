/** What `isthmus install` asks an administrator to do where CoreDNS has no option `multicluster`: forward the zone. */
import type { KindCluster } from './kind-cluster.ts';

const DNS_NAMESPACE = 'kube-system';
const ZONE = 'clusterset.local';

export async function forwardZone(cluster: KindCluster, namespace: string): Promise<void> {
  const [config, service] = await Promise.all([
    cluster.kubectlJson<{ readonly data: { readonly Corefile: string } }>([
      '-n',
      DNS_NAMESPACE,
      'get',
      'cm',
      'coredns',
    ]),
    cluster.kubectlJson<{ readonly spec: { readonly clusterIP: string } }>([
      ...['-n', namespace, 'get', 'service', 'isthmus-dns'],
    ]),
  ]);
  const { Corefile } = config.data;
  if (Corefile.includes(`${ZONE}:53`)) return;
  const zone = `${ZONE}:53 {\n    errors\n    cache 5\n    forward . ${service.spec.clusterIP}:53\n}\n`;
  const patch = { data: { Corefile: `${Corefile.trimEnd()}\n${zone}` } };
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
