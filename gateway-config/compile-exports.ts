import { compareText } from '../federation/model/ids.ts';
import type { LocalService } from '../federation/model/local.ts';
import type { MergedService } from '../federation/model/state.ts';
import type { CompileInput } from './compile-input.ts';
import { ownPorts, readyEndpoints } from './compile-input.ts';
import type { ExportIR } from './ir.ts';

/** A service may have very many pods; what was made of it is kept as long as the source keeps the same object. */
const exportsOf = new WeakMap<LocalService, { merged: MergedService | undefined; exports: readonly ExportIR[] }>();

/**
 * One entry per exported TCP port, sorted. Endpoints that fail their check stay in: it is this Envoy that checks them,
 * and an endpoint taken out would never be found healthy again. An export without endpoints stays too: its "no healthy
 * host" is answered as "unsent", and the caller goes elsewhere.
 */
export function compileExports(input: CompileInput): readonly ExportIR[] {
  const found: ExportIR[] = [];
  for (const local of input.local.services.values()) {
    if (local.exported) found.push(...exportsOfService(local, input.state.services.get(local.key)));
  }
  return found.sort((left, right) => compareText(left.service, right.service));
}

function exportsOfService(local: LocalService, merged: MergedService | undefined): readonly ExportIR[] {
  const known = exportsOf.get(local);
  if (known !== undefined && known.merged === merged) return known.exports;
  const exports = ownPorts(local, merged).map(
    (port): ExportIR => ({
      service: port.service,
      protocol: port.protocol,
      endpoints: readyEndpoints(local.endpoints, port.number),
      ...(local.healthCheck === undefined ? {} : { healthCheck: local.healthCheck }),
    }),
  );
  exportsOf.set(local, { merged, exports });
  return exports;
}
