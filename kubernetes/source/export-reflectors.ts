import type { EndpointSliceObject, NamespaceObject, ServiceExportObject, ServiceObject } from '../api/objects.ts';
import { ENDPOINT_SLICES, EXPORT_GRANTS, NAMESPACES, SERVICE_EXPORTS, SERVICES } from '../api/resources.ts';
import { type GrantObject, projectGrant } from '../exports/grant-projection.ts';
import type { SlimGrant } from '../../federation/model/export-grants.ts';
import {
  type NamespaceState,
  projectExport,
  projectNamespace,
  projectService,
  type SlimExport,
  type SlimService,
} from '../exports/projections.ts';
import { projectSlice, SLICE_SELECTOR, type SlimSlice } from '../exports/slice-projection.ts';
import { Reflector, type ReflectorComponents } from '../list-watch/reflector.ts';
import { asReflected } from './as-reflected.ts';
import type { Reflected } from './reflected.ts';

/** All that says something about what this cluster exports. */
export interface ExportReflectors {
  readonly services: Reflected<SlimService>;
  readonly slices: Reflected<SlimSlice>;
  readonly exports: Reflected<SlimExport>;
  readonly namespaces: Reflected<NamespaceState>;
  readonly grants: Reflected<SlimGrant>;
}

/** Each projection is given objects of the kind that it was listed as. */
export function exportReflectors(components: ReflectorComponents): ExportReflectors {
  return {
    services: asReflected(
      new Reflector(components, { resource: SERVICES, project: (object) => projectService(object as ServiceObject) }),
    ),
    slices: asReflected(
      new Reflector(components, {
        resource: ENDPOINT_SLICES,
        labelSelector: SLICE_SELECTOR,
        project: (object) => projectSlice(object as EndpointSliceObject),
      }),
    ),
    exports: asReflected(
      new Reflector(components, {
        resource: SERVICE_EXPORTS,
        project: (object) => projectExport(object as ServiceExportObject),
      }),
    ),
    namespaces: asReflected(
      new Reflector(components, {
        resource: NAMESPACES,
        project: (object) => projectNamespace(object as NamespaceObject),
      }),
    ),
    grants: asReflected(
      new Reflector(components, { resource: EXPORT_GRANTS, project: (object) => projectGrant(object as GrantObject) }),
    ),
  };
}
