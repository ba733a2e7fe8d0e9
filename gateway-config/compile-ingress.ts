import type { ClusterId, ServicePortKey } from '../federation/model/ids.ts';
import { compareText } from '../federation/model/ids.ts';
import type { CompileInput } from './compile-input.ts';
import type { ExportIR, IngressIR } from './ir.ts';
import { parseServicePort } from './service-port.ts';

interface Grant {
  readonly service: ServicePortKey;
  readonly tcp: boolean;
  /** Absent: everybody. */
  readonly to: readonly ClusterId[] | undefined;
}

interface Granted {
  readonly http: readonly ServicePortKey[];
  readonly tcp: readonly ServicePortKey[];
}

/**
 * What each member may call, by the exporter's own word and never by the merge: another cluster's opinion cannot widen a
 * grant. Callers without special grants share the same lists, so that what is made of them is made once. Members that
 * are not active have an entry too, an empty one: it closes the connections that outlive their filter chains.
 */
export function compileIngress(input: CompileInput, exports: readonly ExportIR[]): readonly IngressIR[] {
  const grants = exports.map((item): Grant => {
    const { service } = parseServicePort(item.service);
    return {
      service: item.service,
      tcp: item.protocol === 'tcp',
      to: input.local.services.get(service)?.grantedTo,
    };
  });
  const named = new Set(grants.flatMap(({ to }) => to ?? []));
  const open = carried(grants.filter(({ to }) => to === undefined));
  const nothing = carried([]);
  return input.roster.members
    .filter(({ cluster }) => cluster !== input.site.cluster)
    .map(({ cluster, status }): IngressIR => {
      if (status !== 'active') return { caller: cluster, ...nothing };
      if (!named.has(cluster)) return { caller: cluster, ...open };
      return { caller: cluster, ...carried(grants.filter(({ to }) => to?.includes(cluster) ?? true)) };
    })
    .sort((left, right) => compareText(left.caller, right.caller));
}

function carried(grants: readonly Grant[]): Granted {
  return {
    http: grants.filter(({ tcp }) => !tcp).map(({ service }) => service),
    tcp: grants.filter(({ tcp }) => tcp).map(({ service }) => service),
  };
}
