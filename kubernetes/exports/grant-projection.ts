import type { SlimGrant } from '../../federation/model/export-grants.ts';
import { slimGrant } from '../../sources/documents/kinds/slim-grant.ts';
import type { KubeObject } from '../api/objects.ts';

/** An ExportGrant as far as it decides who may call. */
export interface GrantObject extends KubeObject {
  readonly spec?: unknown;
}

export function projectGrant({ metadata, spec }: GrantObject): SlimGrant {
  return slimGrant(metadata.name, spec);
}
