/** The part of kube-controller-manager that tests need: without it no slice is written and no namespace ever goes. */
import { join } from 'node:path';
import { kubeCommand } from './program.ts';

const CONTROLLERS = [
  'endpointslice-controller',
  'endpointslice-mirroring-controller',
  'serviceaccount-controller',
  'namespace-controller',
  'garbage-collector-controller',
  'root-ca-certificate-publisher-controller',
  'pod-garbage-collector-controller',
];

export const CONTROLLER_MANAGER_READY = /"Caches are synced" controller="endpoint_slice"/;

/**
 * It writes a slice for a ready Pod only when the Pod's Node is there (its label `topology.kubernetes.io/zone` becomes the
 * endpoint's zone); Pods need `terminationGracePeriodSeconds: 0`, for no kubelet confirms their end.
 */
export function controllerManagerCommand(dir: string): readonly string[] {
  return [
    ...kubeCommand('kube-controller-manager'),
    `--controllers=${CONTROLLERS.join(',')}`,
    '--leader-elect=false',
    '--secure-port=0',
    `--kubeconfig=${join(dir, 'admin.kubeconfig')}`,
    `--root-ca-file=${join(dir, 'ca.crt')}`,
    `--service-account-private-key-file=${join(dir, 'service-account.key')}`,
    '--use-service-account-credentials=false',
  ];
}
