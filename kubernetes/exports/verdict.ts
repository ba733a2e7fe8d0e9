import { isDnsLabel, serviceKey } from '../../federation/model/ids.ts';
import type { LocalService } from '../../federation/model/local.ts';
import { DEFAULT_RECORD_LIMITS } from '../../federation/model/records.ts';
import { assertNever } from '../../runtime/errors.ts';
import type { ObjectKey } from '../api/objects.ts';
import { endpointsOf } from './endpoints.ts';
import { exportedTexts } from './exported-texts.ts';
import type { SlimGrant } from '../../federation/model/export-grants.ts';
import { grantsFor } from '../../federation/model/export-grants.ts';
import type { SlimExport, SlimService } from './projections.ts';
import type { SlimSlice } from './slice-projection.ts';

/**
 * What becomes of one ServiceExport, judged from all that the cluster says about it. The same value makes the record, the
 * conditions and the findings.
 */
export type ExportVerdict =
  | (VerdictOf<'exported'> & {
      readonly service: LocalService;
      /** What is exported otherwise than asked, for people. */
      readonly notes: readonly string[];
    })
  /** Condition `Valid` is false, with this reason of the API. */
  | (VerdictOf<'invalid'> & { readonly reason: 'NoService' | 'InvalidServiceType'; readonly message: string })
  /** Valid, but beyond what gateways or records can carry. */
  | (VerdictOf<'failed'> & { readonly message: string })
  /** It or its namespace is being deleted: not exported any more, and nothing is written to it. */
  | VerdictOf<'leaving'>;

interface VerdictOf<Outcome extends string> {
  readonly outcome: Outcome;
  readonly key: ObjectKey;
  readonly uid: string;
  /** Of the ServiceExport that was judged. */
  readonly generation: number;
}

export interface ExportFacts {
  readonly key: ObjectKey;
  readonly wanted: SlimExport;
  readonly service: SlimService | undefined;
  readonly namespaceTerminating: boolean;
  /** Of this Service, sorted by name. */
  readonly slices: readonly SlimSlice[];
  /** Of the namespace, sorted by name. */
  readonly grants: readonly SlimGrant[];
}

export function judgeExport(facts: ExportFacts): ExportVerdict {
  const { key, wanted, service } = facts;
  const about = { key, uid: wanted.uid, generation: wanted.generation };
  if (wanted.leaving || facts.namespaceTerminating) return { ...about, outcome: 'leaving' };
  const admitted = admit(key, service);
  if (!admitted.ok) return { ...about, outcome: 'invalid', reason: admitted.reason, message: admitted.message };
  const failure = failureOf(admitted.service);
  if (failure !== undefined) return { ...about, outcome: 'failed', message: failure };
  return { ...about, outcome: 'exported', ...localService(facts, admitted.service) };
}

type ExportableService = SlimService & { readonly type: LocalService['type'] };
type Admitted =
  | { readonly ok: true; readonly service: ExportableService }
  | ({ readonly ok: false } & Pick<ExportVerdict & { outcome: 'invalid' }, 'reason' | 'message'>);

function admit(key: ObjectKey, service: SlimService | undefined): Admitted {
  const [, name = ''] = key.split('/');
  // The name of a custom resource may be longer and have dots.
  if (!isDnsLabel(name)) {
    const shown = JSON.stringify(name.slice(0, NAME_CHARS_SHOWN));
    return { ok: false, reason: 'NoService', message: `no Service can have the name ${shown}` };
  }
  if (service === undefined) return { ok: false, reason: 'NoService', message: `there is no Service ${key}` };
  if (service.leaving) return { ok: false, reason: 'NoService', message: `Service ${key} is being deleted` };
  const { type } = service;
  switch (type) {
    case 'ExternalName':
      return refuseType('a Service of type ExternalName cannot be exported');
    case 'Derived':
      return refuseType('the Service stands for an import and cannot be exported again');
    case 'ClusterSetIP':
    case 'Headless':
      return { ok: true, service: { ...service, type } };
    default:
      return assertNever(type);
  }
}

const NAME_CHARS_SHOWN = 80;

function refuseType(message: string): Admitted {
  return { ok: false, reason: 'InvalidServiceType', message };
}

function failureOf({ type, ports, notCarried }: ExportableService): string | undefined {
  const { portsPerServiceMax } = DEFAULT_RECORD_LIMITS;
  if (ports.length > portsPerServiceMax) {
    return `the Service has ${ports.length} ports, more than the ${portsPerServiceMax} that an export may have`;
  }
  if (ports.length > 0 || (type === 'Headless' && notCarried.length === 0)) return undefined;
  return `gateways carry TCP and UDP, and the Service has neither: ${notCarried.join(', ')}`;
}

function localService(
  { key, wanted, slices, grants }: ExportFacts,
  service: ExportableService,
): { readonly service: LocalService; readonly notes: readonly string[] } {
  const [namespace = '', name = ''] = key.split('/');
  const { endpoints, leftOut } = endpointsOf(slices, service);
  const texts = exportedTexts(wanted);
  const granted = grantsFor(name, grants);
  const notes = [
    ...(service.notCarried.length === 0
      ? []
      : [`ports left out, as gateways carry TCP and UDP: ${service.notCarried.join(', ')}`]),
    ...(leftOut === 0 ? [] : [`${leftOut} endpoints left out, beyond ${endpoints.length}`]),
    ...texts.notes,
    ...granted.notes,
  ];
  const made: LocalService = {
    key: serviceKey(namespace, name),
    namespace,
    name,
    exported: true,
    exportedAtMs: wanted.exportedAtMs,
    type: service.type,
    ports: service.ports,
    sessionAffinity: service.sessionAffinity,
    sessionAffinityTimeoutS: service.sessionAffinityTimeoutS,
    internalTrafficPolicy: service.internalTrafficPolicy,
    trafficDistribution: service.trafficDistribution,
    labels: texts.labels,
    annotations: texts.annotations,
    grantedTo: granted.grantedTo,
    endpoints,
  };
  return { service: made, notes };
}
