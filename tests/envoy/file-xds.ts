/**
 * Feeds snapshots to an Envoy by files instead of a stream, so that tests of the resources need no xDS server: every
 * reference to ADS or the agent becomes a path, one file per resource. Files are replaced by rename, which Envoy watches.
 */
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import { resourceJson } from '../../gateway-config/dump.ts';
import { OWN_SECRET } from '../../gateway-config/naming.ts';
import type { Snapshot, TypeUrl } from '../../gateway-config/snapshot.ts';
import { resourcesOf, TYPE_URL } from '../../gateway-config/snapshot.ts';
import type { TestLeaf } from './certificates.ts';

export interface FileXdsOptions {
  /** Applied to each resource: for tests that break one on purpose, or that must not bind or dial real addresses. */
  readonly edit?: (resource: JsonObject, type: TypeUrl) => JsonObject;
}

type Kind = 'eds' | 'rds' | 'sds';
const KIND_OF: Partial<Record<TypeUrl, Kind>> = {
  [TYPE_URL.endpoints]: 'eds',
  [TYPE_URL.route]: 'rds',
  [TYPE_URL.secret]: 'sds',
};

export class FileXds {
  readonly #folder: string;
  readonly #options: FileXdsOptions;
  readonly #written = new Map<string, string>();
  #version = 0;

  constructor(folder: string, options: FileXdsOptions = {}) {
    this.#folder = folder;
    this.#options = options;
    for (const kind of ['eds', 'rds', 'sds']) mkdirSync(join(folder, kind), { recursive: true });
  }

  get ldsPath(): string {
    return join(this.#folder, 'lds.json');
  }

  get cdsPath(): string {
    return join(this.#folder, 'cds.json');
  }

  /** Of the newest `apply`: the version that Envoy reports once it has it. */
  get version(): string {
    return String(this.#version);
  }

  setOwnLeaf(leaf: TestLeaf): void {
    const secret: JsonObject = {
      name: OWN_SECRET,
      tls_certificate: {
        certificate_chain: { inline_string: leaf.chainPem },
        private_key: { inline_string: leaf.keyPem },
      },
    };
    this.#write(this.#pathOf('sds', OWN_SECRET), [{ '@type': TYPE_URL.secret, ...secret }]);
  }

  /** What is referred to is written before what refers to it. */
  apply(snapshot: Snapshot): void {
    this.#version += 1;
    for (const type of [TYPE_URL.secret, TYPE_URL.endpoints, TYPE_URL.route]) {
      for (const resource of resourcesOf(snapshot, type).values()) {
        this.#write(this.#pathOf(KIND_OF[type] ?? 'eds', resource.name), [
          this.#content(type, resourceJson(type, resource)),
        ]);
      }
    }
    this.#writeAll(this.cdsPath, TYPE_URL.cluster, snapshot);
    this.#writeAll(this.ldsPath, TYPE_URL.listener, snapshot);
  }

  #writeAll(path: string, type: TypeUrl, snapshot: Snapshot): void {
    const all = [...resourcesOf(snapshot, type).values()];
    this.#write(
      path,
      all.map((resource) => this.#content(type, resourceJson(type, resource))),
    );
  }

  #content(type: TypeUrl, json: JsonValue): JsonObject {
    if (!isObject(json)) throw new TypeError('a resource is an object');
    const edited = this.#options.edit?.(json, type) ?? json;
    const rewritten = this.#rewrite(edited);
    if (!isObject(rewritten)) throw new TypeError('a resource is an object');
    return { '@type': type, ...rewritten };
  }

  #rewrite(value: JsonValue): JsonValue {
    if (Array.isArray(value)) return value.map((item) => this.#rewrite(item));
    if (!isObject(value)) return value;
    const copy = Object.fromEntries(Object.entries(value).map(([name, item]) => [name, this.#rewrite(item)]));
    if (isObject(value['eds_cluster_config'])) {
      copy['eds_cluster_config'] = { eds_config: this.#source('eds', textOf(value['name'])) };
    }
    if (value['route_config_name'] !== undefined) {
      copy['config_source'] = this.#source('rds', textOf(value['route_config_name']));
    }
    if (value['sds_config'] !== undefined) copy['sds_config'] = this.#source('sds', textOf(value['name']));
    return copy;
  }

  #source(kind: Kind, name: string): JsonObject {
    return { resource_api_version: 'V3', path_config_source: { path: this.#pathOf(kind, name) } };
  }

  #pathOf(kind: Kind, name: string): string {
    return join(this.#folder, kind, `${name.replaceAll('/', '~')}.json`);
  }

  #write(path: string, resources: readonly JsonObject[]): void {
    const content = JSON.stringify(resources);
    if (this.#written.get(path) === content) return;
    this.#written.set(path, content);
    writeFileSync(`${path}.new`, `{"version_info": "${this.version}", "resources": ${content}}`);
    renameSync(`${path}.new`, path);
  }
}

function textOf(value: JsonValue | undefined): string {
  if (typeof value !== 'string') throw new TypeError('a resource is referred to by name');
  return value;
}

export function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
