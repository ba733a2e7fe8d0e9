import { fromBinary } from '@bufbuild/protobuf';
import { anyUnpack } from '@bufbuild/protobuf/wkt';
import { ClusterSchema } from '../gen/envoy/config/cluster/v3/cluster_pb.ts';
import { ResourceSchema } from '../gen/envoy/service/discovery/v3/discovery_pb.ts';
import { type Resource, TYPE_URL } from '../snapshot.ts';
import type { ResourceCache } from './resource-cache.ts';

/**
 * Which of Envoy's clusters are exports whose endpoints Envoy itself checks, and for which service: read from the
 * clusters that Envoy acknowledged. Each is decoded once per version.
 */
export class CheckedExports {
  readonly #cache: ResourceCache;
  readonly #read = new Map<string, { readonly version: string; readonly service: string | undefined }>();

  constructor(components: { cache: ResourceCache }) {
    this.#cache = components.cache;
  }

  /** Envoy cluster -> NS/NAME:PORT. */
  services(): ReadonlyMap<string, string> {
    const services = new Map<string, string>();
    const clusters = this.#cache.resources(TYPE_URL.cluster);
    for (const resource of clusters.values()) {
      if (!EXPORT_NAME.test(resource.name)) continue;
      let known = this.#read.get(resource.name);
      if (known?.version !== resource.version) {
        known = { version: resource.version, service: checkedService(resource) };
        this.#read.set(resource.name, known);
      }
      if (known.service !== undefined) services.set(resource.name, known.service);
    }
    for (const name of this.#read.keys()) if (!clusters.has(name)) this.#read.delete(name);
    return services;
  }
}

/** `export|NS/NAME:PORT`, or the 32 hex digits of a TCP export, whose readable name is its statistics name. */
const EXPORT_NAME = /^(export\|.+|[0-9a-f]{32})$/;
const EXPORT_PREFIX = 'export|';

function checkedService(resource: Resource): string | undefined {
  const { resource: any } = fromBinary(ResourceSchema, resource.encoded);
  const cluster = any === undefined ? undefined : anyUnpack(any, ClusterSchema);
  if (cluster === undefined || cluster.healthChecks.length === 0) return undefined;
  const readable = [cluster.name, cluster.altStatName].find((name) => name.startsWith(EXPORT_PREFIX));
  return readable?.slice(EXPORT_PREFIX.length);
}
