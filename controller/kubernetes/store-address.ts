import type { NodeObject, ServiceObject } from '../../kubernetes/api/objects.ts';
import { NODES, pathOf, SERVICES } from '../../kubernetes/api/resources.ts';
import type { KubeTransport } from '../../kubernetes/api/transport.ts';
import { gatewayAddresses, projectGatewayService, projectNode } from '../../kubernetes/gateway-addresses.ts';
import { OWN_NAMES } from '../../kubernetes/names.ts';
import type { GatewayAddress } from '../../federation/model/records.ts';
import { IsthmusError } from '../../runtime/errors.ts';

/** Where other clusters reach the store that this one serves, looked up when somebody asks for a token. */
export class NoStoreAddressError extends IsthmusError {
  constructor() {
    super('no-store-address', `the Service ${OWN_NAMES.store} has no address that other clusters could use`, {
      hint: 'give it type LoadBalancer or NodePort, or set spec.kubernetes.storeAddress (storeServer.advertise of the chart)',
    });
  }
}

/** @throws NoStoreAddressError, and as `KubeTransport.call` */
export async function storeAddress(
  transport: KubeTransport,
  init: { readonly namespace: string; readonly dev: boolean },
): Promise<GatewayAddress> {
  const { namespace, dev } = init;
  const services = await listed(transport, pathOf(SERVICES, { namespace }), {
    fieldSelector: `metadata.name=${OWN_NAMES.store}`,
  });
  const [service] = services;
  const nodes = await listed(transport, pathOf(NODES), {});
  const { addresses } = gatewayAddresses({
    service: service === undefined ? undefined : projectGatewayService(service as ServiceObject),
    nodes: nodes.map((node) => projectNode(node as NodeObject)),
    gatewayNodes: new Set(),
    fixed: [],
    dev,
  });
  const [first] = addresses;
  if (first === undefined) throw new NoStoreAddressError();
  return first;
}

async function listed(
  transport: KubeTransport,
  path: string,
  query: Readonly<Record<string, string>>,
): Promise<readonly unknown[]> {
  const answer = await transport.call({ method: 'GET', path, query });
  // A list of the API always has its items, but for an empty one of some servers.
  return (answer as { readonly items?: readonly unknown[] }).items ?? [];
}
