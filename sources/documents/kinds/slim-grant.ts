import { type ClusterId, isDnsLabel, parseClusterId } from '../../../federation/model/ids.ts';
import type { SlimGrant } from '../../../federation/model/export-grants.ts';
import { KIND_LIMITS } from './kind-fields.ts';

/**
 * The spec of an ExportGrant as far as it decides who may call. Files and API servers check grants against their schema, but
 * one that was stored under another schema, or stands in a file that does not pass, must still close and never open: whatever
 * is not understood refuses the grant and keeps its selection.
 */
const TEXT_SHOWN_MAX = 80;

export function slimGrant(name: string, spec: unknown): SlimGrant {
  const fields: Fields = isFields(spec) ? spec : {};
  const services = servicesOf(fields['services']);
  const to = clustersOf(fields['to']);
  const refused = 'refused' in services ? services.refused : 'refused' in to ? to.refused : undefined;
  return {
    name,
    services: 'names' in services ? services.names : undefined,
    clusters: 'clusters' in to ? to.clusters : [],
    ...(refused === undefined ? {} : { refused }),
  };
}

type Fields = Readonly<Record<string, unknown>>;

function servicesOf(value: unknown): { readonly names: readonly string[] | undefined } | { readonly refused: string } {
  if (value === undefined) return { names: undefined };
  const refusal = { refused: 'spec.services is not a list of names' };
  if (!Array.isArray(value) || value.length > KIND_LIMITS.servicesMax) return refusal;
  const names = value.filter((name) => typeof name === 'string');
  return names.length === value.length ? { names } : refusal;
}

function clustersOf(value: unknown): { readonly clusters: readonly ClusterId[] } | { readonly refused: string } {
  if (!Array.isArray(value) || value.length > KIND_LIMITS.clustersMax) {
    return { refused: 'spec.to is not a list of clusters' };
  }
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
