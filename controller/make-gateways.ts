import type { ClusterId } from '../federation/model/ids.ts';
import { XdsServer } from '../gateway-config/xds/server.ts';
import type { SiteConfig } from './config/site.ts';
import type { ControllerComponents } from './controller.ts';
import { GatewayDesk } from './gateway-desk.ts';
import type { GatewayTokens } from './gateway-tokens.ts';
import { GATEWAY_SET } from './site-world.ts';
import type { StartedParts } from './started-parts.ts';

/** The side of a controller that faces its gateways: who may be one, and what becomes of what they say. */
export interface MakeGatewaysInit {
  readonly config: SiteConfig;
  readonly onProbe: (gateway: string, peer: ClusterId, healthy: number, total: number) => void;
  readonly onUnhealthy: (unhealthy: ReadonlySet<string>) => void;
  readonly turnedAway: () => string | undefined;
}

type WithParts = ControllerComponents & { readonly parts: StartedParts };

export function makeDesk(components: WithParts, init: MakeGatewaysInit): GatewayDesk {
  const { trust } = components.parts;
  const { config, onProbe, onUnhealthy } = init;
  const named = config.gateways.map(({ name }) => name);
  return new GatewayDesk(
    { ...components, issuer: trust.issuer },
    {
      cluster: config.cluster,
      clustersetDomain: config.clusterset,
      network: config.network,
      gatewaySet: GATEWAY_SET,
      // Pods have names that nobody knows beforehand: each proves by its token that it is one of the gateways'.
      gateways: config.kubernetes === undefined ? named : 'all that are let in',
      voidToken: trust.voidToken,
      onProbe,
      onUnhealthy,
    },
  );
}

export function makeXds(
  components: WithParts & { readonly desk: GatewayDesk; readonly tokens: GatewayTokens },
  { config, turnedAway }: MakeGatewaysInit,
): XdsServer {
  const { parts, desk, tokens, kubernetes } = components;
  const { xds: listen } = config.listen;
  const authenticator = kubernetes?.authenticator ?? tokens;
  return new XdsServer(components, {
    listen: { socketPath: parts.folder.xdsSocket },
    remote: listen && { ...listen, svid: parts.signing.current, authenticator },
    handlers: desk,
    turnedAway,
  });
}
