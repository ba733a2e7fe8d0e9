import { OWN_NAMES } from '../../kubernetes/names.ts';
import { EGRESS_PORTS, inNamespace, type Installation, type Manifest, PORTS, selectorLabels } from './common.ts';

/** Services, and who may connect. */
export function serviceManifests(installation: Installation): readonly Manifest[] {
  const { values } = installation;
  return [
    controllerService(installation),
    gatewayService(installation),
    ...(values.dns.enabled ? [dnsService(installation)] : []),
    ...(values.storeServer.enabled ? [storeService(installation)] : []),
  ];
}

/** Headless: an agent tries each replica, and finds the one that leads. Also those that are not ready, or nobody could start. */
function controllerService(installation: Installation): Manifest {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: inNamespace(OWN_NAMES.controller, 'controller', installation),
    spec: {
      clusterIP: 'None',
      publishNotReadyAddresses: true,
      selector: selectorLabels('controller'),
      ports: [servicePort('xds', PORTS.xds, 'xds'), servicePort('metrics', PORTS.metrics, 'metrics')],
    },
  };
}

function gatewayService(installation: Installation): Manifest {
  const { service } = installation.values.gateway;
  const external = service.type === 'ClusterIP' ? {} : { externalTrafficPolicy: service.externalTrafficPolicy };
  const port = { ...servicePort('gateway', service.port, 'gateway'), ...nodePort(service.nodePort) };
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { ...inNamespace(OWN_NAMES.gateway, 'gateway', installation), ...annotated(service.annotations) },
    spec: { type: service.type, ...external, selector: selectorLabels('gateway'), ports: [port] },
  };
}

function dnsService(installation: Installation): Manifest {
  const { clusterIP } = installation.values.dns;
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: inNamespace(OWN_NAMES.dns, 'dns', installation),
    spec: {
      ...(clusterIP === '' ? {} : { clusterIP }),
      selector: selectorLabels('controller'),
      ports: [{ ...servicePort('dns', 53, 'dns'), protocol: 'UDP' }, servicePort('dns-tcp', 53, 'dns-tcp')],
    },
  };
}

/** Without a selector: only the leader serves the store, and says so in the slice that it writes. */
function storeService(installation: Installation): Manifest {
  const { service } = installation.values.storeServer;
  const port = { ...servicePort('store', PORTS.store, PORTS.store), ...nodePort(service.nodePort) };
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { ...inNamespace(OWN_NAMES.store, 'store', installation), ...annotated(service.annotations) },
    spec: { type: service.type, ports: [port] },
  };
}

export function policyManifests(installation: Installation): readonly Manifest[] {
  const { values } = installation;
  return [
    ...(values.networkPolicy.enabled ? [controllerPolicy(installation), gatewayPolicy(installation)] : []),
    ...(values.podDisruptionBudget.enabled
      ? [budget('controller', installation), budget('gateway', installation)]
      : []),
    ...(values.serviceMonitor.enabled ? monitors(installation) : []),
  ];
}

function controllerPolicy(installation: Installation): Manifest {
  const { values } = installation;
  return policy('controller', installation, [
    { from: [{ podSelector: { matchLabels: selectorLabels('gateway') } }], ports: [allowed(PORTS.xds)] },
    { ports: [allowed(PORTS.metrics), allowed(PORTS.health)] },
    ...(values.dns.enabled ? [{ ports: [allowed(PORTS.dns, 'UDP'), allowed(PORTS.dns)] }] : []),
    // From other clusters, whose addresses nobody here knows; they log in by signature.
    ...(values.storeServer.enabled ? [{ ports: [allowed(PORTS.store)] }] : []),
  ]);
}

function gatewayPolicy(installation: Installation): Manifest {
  return policy('gateway', installation, [
    // From other clusters: mutual TLS and nothing else.
    { ports: [allowed(PORTS.gateway)] },
    // From the pods of this cluster only.
    {
      from: [{ namespaceSelector: {} }],
      ports: [{ protocol: 'TCP', port: EGRESS_PORTS.first, endPort: EGRESS_PORTS.last }],
    },
    { ports: [allowed(PORTS.metrics), allowed(PORTS.health)] },
  ]);
}

function policy(component: 'controller' | 'gateway', installation: Installation, ingress: readonly object[]): Manifest {
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: inNamespace(OWN_NAMES[component], component, installation),
    spec: { podSelector: { matchLabels: selectorLabels(component) }, policyTypes: ['Ingress'], ingress },
  };
}

function budget(component: 'controller' | 'gateway', installation: Installation): Manifest {
  return {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: inNamespace(OWN_NAMES[component], component, installation),
    spec: { maxUnavailable: 1, selector: { matchLabels: selectorLabels(component) } },
  };
}

/** Controllers by their Service; gateways by their pods, because their Service is open to the other clusters. */
function monitors(installation: Installation): readonly Manifest[] {
  const { interval, labels: wanted } = installation.values.serviceMonitor;
  const base = (component: 'controller' | 'gateway') => {
    const metadata = inNamespace(OWN_NAMES[component], component, installation);
    return { ...metadata, labels: { ...metadata.labels, ...wanted } };
  };
  const selector = (component: 'controller' | 'gateway') => ({ matchLabels: selectorLabels(component) });
  const endpoints = [{ port: 'metrics', interval }];
  return [
    {
      apiVersion: 'monitoring.coreos.com/v1',
      kind: 'ServiceMonitor',
      metadata: base('controller'),
      spec: { selector: selector('controller'), endpoints },
    },
    {
      apiVersion: 'monitoring.coreos.com/v1',
      kind: 'PodMonitor',
      metadata: base('gateway'),
      spec: { selector: selector('gateway'), podMetricsEndpoints: endpoints },
    },
  ];
}

function servicePort(name: string, port: number, targetPort: number | string) {
  return { name, port, targetPort, protocol: 'TCP' };
}

function nodePort(port: number): { readonly nodePort?: number } {
  return port === 0 ? {} : { nodePort: port };
}

function annotated(annotations: Readonly<Record<string, string>>) {
  return Object.keys(annotations).length === 0 ? {} : { annotations };
}

function allowed(port: number, protocol: 'TCP' | 'UDP' = 'TCP') {
  return { protocol, port };
}
