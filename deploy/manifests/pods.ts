import { createHash } from 'node:crypto';
import { GATEWAY_TOKEN_AUDIENCE, OWN_NAMES } from '../../kubernetes/names.ts';
import { imageOf, inNamespace, type Installation, labels, type Manifest, PORTS, selectorLabels } from './common.ts';
import { siteYaml } from './site.ts';

/**
 * The two Deployments. Both kinds of pods run as nobody, on a read-only file system, without capabilities; what they write
 * is in volumes that end with the pod.
 */
const USER = 65_532;
/**
 * Above the state folder. A kubelet makes the mount point itself open to all users of the pod, which a folder of keys must not
 * be; what the program makes in it is its own.
 */
const STATE_MOUNT = '/var/lib';
/** How long a pod may take to hand its work over: drain of a gateway, release of the lease. */
const GRACE_S = 30;

const POD_SECURITY = {
  runAsNonRoot: true,
  runAsUser: USER,
  runAsGroup: USER,
  fsGroup: USER,
  seccompProfile: { type: 'RuntimeDefault' },
};
const CONTAINER_SECURITY = {
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: { drop: ['ALL'] },
};
const POD_NAME = { name: 'POD_NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } };
/** The compile cache shortens a restart of the container. */
const COMPILE_CACHE = { name: 'NODE_COMPILE_CACHE', value: '/tmp/compile' };
/** New objects get a quarter of the room that Node gives them on 64 bits: 60 MB less at rest, for a few more collections. */
const SMALL_HEAP = { name: 'NODE_OPTIONS', value: '--max-semi-space-size=4' };

export function configManifest(installation: Installation): Manifest {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: inNamespace(`${OWN_NAMES.controller}-config`, 'controller', installation),
    data: { 'site.yaml': siteYaml(installation) },
  };
}

export function controllerDeployment(installation: Installation): Manifest {
  const { values } = installation;
  const ports = [
    port('xds', PORTS.xds),
    port('metrics', PORTS.metrics),
    port('health', PORTS.health),
    ...(values.dns.enabled ? [port('dns', PORTS.dns, 'UDP'), port('dns-tcp', PORTS.dns)] : []),
    ...(values.storeServer.enabled ? [port('store', PORTS.store)] : []),
  ];
  const secret = values.storeSecret;
  const container = {
    name: 'controller',
    args: ['controller', '--config', '/etc/isthmus/site.yaml', '--replica', '$(POD_NAME)'],
    env: [
      POD_NAME,
      { name: 'POD_IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
      COMPILE_CACHE,
      SMALL_HEAP,
    ],
    ports,
    // Slow disks and cold caches: a start has five minutes, a process that hangs has half a one.
    startupProbe: { httpGet: { path: '/healthz', port: 'health' }, periodSeconds: 5, failureThreshold: 60 },
    livenessProbe: { httpGet: { path: '/healthz', port: 'health' }, periodSeconds: 10, failureThreshold: 3 },
    readinessProbe: { httpGet: { path: '/readyz', port: 'health' }, periodSeconds: 5, failureThreshold: 2 },
    resources: values.controller.resources,
    volumeMounts: [
      { name: 'config', mountPath: '/etc/isthmus', readOnly: true },
      { name: 'state', mountPath: STATE_MOUNT },
      { name: 'tmp', mountPath: '/tmp' },
      ...(secret === '' ? [] : [{ name: 'store', mountPath: '/etc/isthmus-store', readOnly: true }]),
    ],
  };
  const volumes = [
    { name: 'config', configMap: { name: `${OWN_NAMES.controller}-config` } },
    { name: 'state', emptyDir: {} },
    { name: 'tmp', emptyDir: {} },
    ...(secret === '' ? [] : [{ name: 'store', secret: { secretName: secret, defaultMode: 0o440 } }]),
  ];
  return deployment('controller', values.controller.replicas, container, { volumes }, installation);
}

export function gatewayDeployment(installation: Installation): Manifest {
  const { values, release } = installation;
  const container = {
    name: 'gateway',
    args: [
      'gateway',
      'run',
      '--config',
      '/etc/isthmus/site.yaml',
      '--gateway',
      '$(POD_NAME)',
      '--controller',
      `${OWN_NAMES.controller}.${release.namespace}.svc:${PORTS.xds}`,
      '--controller-ca',
      '/var/run/isthmus/trust/ca.pem',
      '--token-file',
      '/var/run/isthmus/token/token',
      '--health-listen',
      `0.0.0.0:${PORTS.health}`,
      '--metrics-listen',
      `0.0.0.0:${PORTS.metrics}`,
    ],
    env: [POD_NAME, COMPILE_CACHE, SMALL_HEAP],
    ports: [port('gateway', PORTS.gateway), port('metrics', PORTS.metrics), port('health', PORTS.health)],
    startupProbe: { httpGet: { path: '/healthz', port: 'health' }, periodSeconds: 5, failureThreshold: 60 },
    livenessProbe: { httpGet: { path: '/healthz', port: 'health' }, periodSeconds: 10, failureThreshold: 3 },
    readinessProbe: { httpGet: { path: '/readyz', port: 'health' }, periodSeconds: 2, failureThreshold: 2 },
    resources: values.gateway.resources,
    volumeMounts: [
      { name: 'config', mountPath: '/etc/isthmus', readOnly: true },
      { name: 'trust', mountPath: '/var/run/isthmus/trust', readOnly: true },
      { name: 'token', mountPath: '/var/run/isthmus/token', readOnly: true },
      { name: 'state', mountPath: STATE_MOUNT },
      { name: 'tmp', mountPath: '/tmp' },
    ],
  };
  const token = { path: 'token', audience: GATEWAY_TOKEN_AUDIENCE, expirationSeconds: 3600 };
  const volumes = [
    { name: 'config', configMap: { name: `${OWN_NAMES.controller}-config` } },
    // Written by the controller when it has its CA; until then the pod waits, it does not fail.
    { name: 'trust', configMap: { name: OWN_NAMES.trust, optional: true } },
    { name: 'token', projected: { sources: [{ serviceAccountToken: token }] } },
    { name: 'state', emptyDir: { medium: 'Memory', sizeLimit: '64Mi' } },
    { name: 'tmp', emptyDir: {} },
  ];
  const pod = { automountServiceAccountToken: false, volumes };
  return deployment('gateway', values.gateway.replicas, container, pod, installation);
}

function deployment(
  component: 'controller' | 'gateway',
  replicas: number,
  container: object,
  pod: object,
  installation: Installation,
): Manifest {
  const { image } = installation.values;
  const selector = selectorLabels(component);
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: inNamespace(OWN_NAMES[component], component, installation),
    spec: {
      replicas,
      // One new pod that is ready before an old one goes: gateways keep their number, and there is always a leader.
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
      selector: { matchLabels: selector },
      template: {
        metadata: {
          labels: labels(component, installation),
          annotations: { 'checksum/config': checksum(siteYaml(installation)) },
        },
        spec: {
          serviceAccountName: OWN_NAMES[component],
          ...pod,
          terminationGracePeriodSeconds: GRACE_S,
          securityContext: POD_SECURITY,
          ...(image.pullSecrets.length === 0 ? {} : { imagePullSecrets: image.pullSecrets.map((name) => ({ name })) }),
          topologySpreadConstraints: [
            {
              maxSkew: 1,
              topologyKey: 'kubernetes.io/hostname',
              whenUnsatisfiable: 'ScheduleAnyway',
              labelSelector: { matchLabels: selector },
            },
          ],
          containers: [
            {
              image: imageOf(installation),
              imagePullPolicy: image.pullPolicy,
              securityContext: CONTAINER_SECURITY,
              ...container,
            },
          ],
        },
      },
    },
  };
}

function port(name: string, containerPort: number, protocol: 'TCP' | 'UDP' = 'TCP') {
  return { name, containerPort, protocol };
}

function checksum(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
