/**
 * The first of two pure steps from knowledge to Envoy: state, own services, roster and ports become what one gateway
 * set must do. Everything that is unchanged keeps its identity, and an unchanged service costs a few comparisons.
 */
import { changedKeys } from '../federation/model/diff.ts';
import type { Before } from './compile-egress.ts';
import { compileEgress } from './compile-egress.ts';
import { compileExports } from './compile-exports.ts';
import { compileIngress } from './compile-ingress.ts';
import type { CompileInput } from './compile-input.ts';
import { compilePeers } from './compile-peers.ts';
import type { ExportIR, GatewayIR, IngressIR } from './ir.ts';
import { share, shareList } from './share.ts';

/** The input of each result, so that the next run can tell what has not changed. Kept only as long as the result is. */
const compiledFrom = new WeakMap<GatewayIR, CompileInput>();

export function compile(input: CompileInput, previous?: GatewayIR): GatewayIR {
  const before = previous === undefined ? undefined : { input: compiledFrom.get(previous), ir: previous };
  const peers = shareList(before?.ir.peers ?? [], compilePeers(input), (peer) => peer.cluster);
  const exports = exportsOf(input, before);
  const ingress = ingressOf(input, exports, before);
  const egress = compileEgress(input, peers, before);
  const ir: GatewayIR = {
    cluster: input.site.cluster,
    network: input.site.network,
    clustersetDomain: input.site.clustersetDomain,
    gatewaySet: input.site.gatewaySet,
    eastWest: share(before?.ir.eastWest, input.site.eastWest),
    peers,
    egress: shareList(before?.ir.egress ?? [], egress, (item) => item.service),
    exports,
    ingress,
    voidToken: input.voidToken,
  };
  const result = previous !== undefined && isUnchanged(previous, ir) ? previous : ir;
  compiledFrom.set(result, input);
  return result;
}

function exportsOf(input: CompileInput, before: Before | undefined): readonly ExportIR[] {
  const last = before?.input;
  if (before !== undefined && last?.local === input.local) {
    const changed = changedKeys(last.state.services, input.state.services);
    if (!changed.some((key) => input.local.services.has(key))) return before.ir.exports;
  }
  return shareList(before?.ir.exports ?? [], compileExports(input), (item) => item.service);
}

function ingressOf(
  input: CompileInput,
  exports: readonly ExportIR[],
  before: Before | undefined,
): readonly IngressIR[] {
  const last = before?.input;
  const same = before?.ir.exports === exports && last?.roster === input.roster && last.local === input.local;
  if (before !== undefined && same) return before.ir.ingress;
  return shareList(before?.ir.ingress ?? [], compileIngress(input, exports), (item) => item.caller);
}

function isUnchanged(previous: GatewayIR, next: GatewayIR): boolean {
  return (
    previous.cluster === next.cluster &&
    previous.network === next.network &&
    previous.clustersetDomain === next.clustersetDomain &&
    previous.gatewaySet === next.gatewaySet &&
    previous.eastWest === next.eastWest &&
    previous.peers === next.peers &&
    previous.egress === next.egress &&
    previous.exports === next.exports &&
    previous.ingress === next.ingress &&
    previous.voidToken === next.voidToken
  );
}

export type { CompileInput, CompileSite } from './compile-input.ts';
