import { type ClusterId, isDnsLabel, parseClusterId } from '../../federation/model/ids.ts';
import type { KubeObject } from '../api/objects.ts';
import type { SlimGrant } from './grants.ts';

/**
 * An ExportGrant as far as it decides who may call. The API server checks grants against their schema, but one that was
 * stored under another schema, or by a server without it, must still close and never open: whatever is not understood
 * refuses the grant and keeps its selection.
 */
export interface GrantObject extends KubeObject {
  readonly spec?: unknown;
}

/** As in the schema of the kind. */
const ENTRIES_MAX = 1_000;
const TEXT_SHOWN_MAX = 80;

export function projectGrant({ metadata, spec }: GrantObject): SlimGrant {
  const fields: Fields = isFields(spec) ? spec : {};
  const services = servicesOf(fields['services']);
  const to = clustersOf(fields['to']);
  const refused = 'refused' in services ? services.refused : 'refused' in to ? to.refused : undefined;
  return {
    name: metadata.name,
    services: 'names' in services ? services.names : undefined,
    clusters: 'clusters' in to ? to.clusters : [],
    ...(refused === undefined ? {} : { refused }),
  };
}

type Fields = Readonly<Record<string, unknown>>;

function servicesOf(value: unknown): { readonly names: readonly string[] | undefined } | { readonly refused: string } {
  if (value === undefined) return { names: undefined };
  if (!Array.isArray(value) || value.length > ENTRIES_MAX) return { refused: 'spec.services is not a list of names' };
  const names = value.filter((name) => typeof name === 'string');
  return names.length === value.length ? { names } : { refused: 'spec.services is not a list of names' };
}

function clustersOf(value: unknown): { readonly clusters: readonly ClusterId[] } | { readonly refused: string } {
  if (!Array.isArray(value) || value.length > ENTRIES_MAX) return { refused: 'spec.to is not a list of clusters' };
  const clusters: ClusterId[] = [];
  for (const [index, entry] of value.entries()) {
    const { cluster, ...others }: Fields = isFields(entry) ? entry : {};
    const [other] = Object.keys(others);
    const at = `spec.to[${index}]`;
    if (other !== undefined) return { refused: `${at}.${other.slice(0, TEXT_SHOWN_MAX)} is not supported` };
    if (typeof cluster !== 'string' || !isDnsLabel(cluster)) return { refused: `${at}.cluster is not a cluster name` };
    clusters.push(parseClusterId(cluster));
  }
  return { clusters };
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
