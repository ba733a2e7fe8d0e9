/**
 * A snapshot as plain, sorted data: what `/debug/xds` shows and what the golden tests compare. Field names are Envoy's.
 * The void token and, should one ever get there, private keys are replaced.
 */
import type { DescMessage, JsonValue } from '@bufbuild/protobuf';
import { fromBinary, toJson } from '@bufbuild/protobuf';
import { ResourceSchema } from './gen/envoy/service/discovery/v3/discovery_pb.ts';
import { IsthmusError } from '../runtime/errors.ts';
import { HEADER } from './naming.ts';
import { ANY_TYPES, SCHEMA_OF } from './resources/registry.ts';
import type { Resource, Snapshot, TypeUrl } from './snapshot.ts';
import { resourcesOf, TYPE_URL } from './snapshot.ts';

export interface SnapshotDump {
  readonly clusters: readonly JsonValue[];
  readonly endpoints: readonly JsonValue[];
  readonly listeners: readonly JsonValue[];
  readonly routes: readonly JsonValue[];
  readonly secrets: readonly JsonValue[];
}

const REDACTED = '[redacted]';

export function dumpSnapshot(snapshot: Snapshot): SnapshotDump {
  const dumpType = (type: TypeUrl): readonly JsonValue[] =>
    [...resourcesOf(snapshot, type).values()].map((resource) => redact(resourceJson(type, resource)));
  return {
    clusters: dumpType(TYPE_URL.cluster),
    endpoints: dumpType(TYPE_URL.endpoints),
    listeners: dumpType(TYPE_URL.listener),
    routes: dumpType(TYPE_URL.route),
    secrets: dumpType(TYPE_URL.secret),
  };
}

/** One resource as sent, secrets included: for feeding an Envoy, never for showing. */
export function resourceJson(type: TypeUrl, resource: Resource): JsonValue {
  const wrapped = fromBinary(ResourceSchema, resource.encoded).resource;
  if (wrapped === undefined) throw new IsthmusError('empty-resource', `resource ${resource.name} has no content`);
  const schema: DescMessage = SCHEMA_OF[type];
  const message = fromBinary(schema, wrapped.value);
  return sortKeys(toJson(schema, message, { registry: ANY_TYPES, useProtoFieldName: true }));
}

function sortKeys(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1));
  return Object.fromEntries(entries.map(([name, item]) => [name, sortKeys(item)]));
}

function redact(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(redact);
  if (typeof value !== 'object' || value === null) return value;
  if (value['name'] === HEADER.void && value['string_match'] !== undefined) {
    return { ...value, string_match: { exact: REDACTED } };
  }
  const entries = Object.entries(value).map(([name, item]) => [name, name === 'private_key' ? REDACTED : redact(item)]);
  return Object.fromEntries(entries);
}
