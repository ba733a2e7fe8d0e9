import { isDnsLabel } from '../federation/model/ids.ts';
import type { Routes } from './admin/routes.ts';
import type { SiteConfig } from './config/site.ts';
import type { GatewayTokens } from './gateway-tokens.ts';

/** By which `isthmus token create --gateway NAME` asks, on the admin socket alone. */
export interface GatewayTokenParts {
  readonly config: Pick<SiteConfig, 'cluster' | 'gateways' | 'listen'>;
  readonly gatewayTokens: Pick<GatewayTokens, 'create'>;
}

const TEXT = 'text/plain; charset=utf-8';

export function gatewayTokenRoute({ config, gatewayTokens }: GatewayTokenParts): Routes {
  return {
    '/v1/gateway-tokens': {
      surfaces: ['socket'],
      method: 'POST',
      answer: async (query) => {
        const gateway = query.get('gateway') ?? '';
        if (!isDnsLabel(gateway)) return { status: 400, type: TEXT, body: 'gateway: not a DNS label' };
        const names = config.gateways.map(({ name }) => name);
        if (!names.includes(gateway)) {
          const known = names.length === 0 ? 'it has none, add one to spec.gateways' : `it has: ${names.join(', ')}`;
          return { status: 409, type: TEXT, body: `the Site has no gateway ${gateway}; ${known}` };
        }
        const warning =
          config.listen.xds === undefined
            ? 'the controller does not listen for gateways on other hosts: set spec.listen.xds of its Site'
            : undefined;
        const token = await gatewayTokens.create(gateway);
        const made = { token, cluster: config.cluster, gateway, warning };
        return { status: 201, type: 'application/json', body: JSON.stringify(made) };
      },
    },
  };
}
