/** Did a real Envoy take over every resource of a snapshot? Its own word, from statistics and `/config_dump`. */
import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import type { Snapshot, TypeUrl } from '../../gateway-config/snapshot.ts';
import { resourcesOf, TYPE_URL } from '../../gateway-config/snapshot.ts';
import type { FileGateway } from './file-gateway.ts';
import { isObject } from './file-xds.ts';

/** What is wrong, in Envoy's words; empty when everything was accepted and is in use. */
export async function refusals(gateway: FileGateway, snapshot: Snapshot): Promise<readonly string[]> {
  const rejected = Object.entries(await gateway.stats('update_rejected$')).filter(([, count]) => count > 0);
  const dump = await gateway.configDump();
  return [
    ...rejected.map(([name, count]) => `${name}: ${count}`),
    ...errorStates(dump),
    ...missing(dump, snapshot, TYPE_URL.cluster, 'dynamic_active_clusters', (item) => nested(item, 'cluster', 'name')),
    ...missing(dump, snapshot, TYPE_URL.listener, 'dynamic_listeners', activeListener),
    ...missing(dump, snapshot, TYPE_URL.route, 'dynamic_route_configs', (item) => nested(item, 'route_config', 'name')),
    ...missing(dump, snapshot, TYPE_URL.endpoints, 'dynamic_endpoint_configs', (item) =>
      nested(item, 'endpoint_config', 'cluster_name'),
    ),
    ...missing(dump, snapshot, TYPE_URL.secret, 'dynamic_active_secrets', (item) => nested(item, 'name')),
  ];
}

function missing(
  dump: readonly JsonObject[],
  snapshot: Snapshot,
  type: TypeUrl,
  section: string,
  nameOf: (item: JsonObject) => JsonValue | undefined,
): readonly string[] {
  const known = new Set(dump.flatMap((config) => items(config[section])).map(nameOf));
  // A table that no listener refers to is not asked for: that of a member that is not active.
  const referred = (name: string): boolean => type !== TYPE_URL.route || isReferred(dump, name);
  return [...resourcesOf(snapshot, type).keys()]
    .filter((name) => !known.has(name) && referred(name))
    .map((name) => `${type.slice(type.lastIndexOf('.') + 1)} ${name} is not in use`);
}

function isReferred(dump: readonly JsonObject[], name: string): boolean {
  return JSON.stringify(dump).includes(`"route_config_name":${JSON.stringify(name)}`);
}

function errorStates(dump: readonly JsonObject[]): readonly string[] {
  return dump
    .flatMap((config) => [...items(config['dynamic_listeners']), ...items(config['dynamic_active_clusters'])])
    .flatMap((item) => (item['error_state'] === undefined ? [] : [JSON.stringify(item['error_state'])]));
}

function activeListener(item: JsonObject): JsonValue | undefined {
  return item['active_state'] === undefined ? undefined : item['name'];
}

function nested(item: JsonObject, ...path: readonly string[]): JsonValue | undefined {
  let value: JsonValue | undefined = item;
  for (const name of path) value = isObject(value) ? value[name] : undefined;
  return value;
}

function items(value: JsonValue | undefined): readonly JsonObject[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}
