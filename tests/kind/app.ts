/** What the scenarios call: a small server in the image that is there anyway, since nothing can be pulled everywhere. */
import type { KindCluster } from './kind-cluster.ts';

export const NAMESPACE = 'shop';
export const APP = 'web';
const NODE = '/usr/local/bin/node';
const HTTP_PORT = 8_080;
const TCP_PORT = 9_090;

/** HTTP says who it is; TCP says it to whoever connects, and then repeats what it hears. */
const SERVER = `
const who = process.env.WHO;
const server = require('http').createServer((request, response) => response.end(who));
server.keepAliveTimeout = 0;
server.listen(${HTTP_PORT});
require('net').createServer((socket) => { socket.on('error', () => {}); socket.write(who + '\\n'); socket.pipe(socket); }).listen(${TCP_PORT});
`;

export function namespace(): object {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } };
}

export interface AppInit {
  readonly image: string;
  /** What it answers. */
  readonly who: string;
  readonly replicas?: number;
}

/** A Deployment, its Service, and that it is exported. */
export function exportedApp({ image, who, replicas = 1 }: AppInit): readonly object[] {
  const metadata = { name: APP, namespace: NAMESPACE };
  const labels = { app: APP };
  const container = {
    ...nodeContainer(image, SERVER),
    env: [{ name: 'WHO', value: who }],
    readinessProbe: { httpGet: { path: '/', port: HTTP_PORT }, periodSeconds: 1 },
  };
  return [
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata,
      spec: {
        replicas,
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: { terminationGracePeriodSeconds: 1, containers: [container] } },
      },
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata,
      spec: {
        selector: labels,
        ports: [
          { name: 'http', port: 80, targetPort: HTTP_PORT, appProtocol: 'http' },
          { name: 'tcp', port: TCP_PORT, targetPort: TCP_PORT, appProtocol: 'tcp' },
        ],
      },
    },
    { apiVersion: 'multicluster.x-k8s.io/v1beta1', kind: 'ServiceExport', metadata },
  ];
}

export const CALLER = 'caller';

/** A pod from which calls are made. */
export function callerPod(image: string): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: CALLER, namespace: NAMESPACE },
    spec: { terminationGracePeriodSeconds: 1, containers: [nodeContainer(image, 'setInterval(() => 0, 1e9)')] },
  };
}

export async function untilAppReady(cluster: KindCluster): Promise<void> {
  await cluster.kubectl(['-n', NAMESPACE, 'rollout', 'status', `deploy/${APP}`, '--timeout', '90s']);
}

function nodeContainer(image: string, script: string) {
  return { name: 'app', image, command: [NODE, '-e', script] };
}
