/**
 * What every resource of one gateway set depends on besides its own part of the IR, and the bytes that were made of
 * those parts. A part of the IR that keeps its identity keeps its bytes; both go when the part goes.
 */
import type { ClusterId, NetworkId } from '../../federation/model/ids.ts';
import type { GatewayIR, VoidToken } from '../ir.ts';

export interface Frame {
  readonly cluster: ClusterId;
  readonly network: NetworkId | undefined;
  readonly clustersetDomain: string;
  readonly voidToken: VoidToken;
}

const bytesOf = new WeakMap<Frame, WeakMap<object, Uint8Array>>();

/** The previous frame if nothing in it changed, so that everything made under it stays valid. */
export function frameOf(ir: GatewayIR, previous: Frame | undefined): Frame {
  const unchanged =
    previous !== undefined &&
    previous.cluster === ir.cluster &&
    previous.network === ir.network &&
    previous.clustersetDomain === ir.clustersetDomain &&
    previous.voidToken === ir.voidToken;
  if (unchanged) return previous;
  return {
    cluster: ir.cluster,
    network: ir.network,
    clustersetDomain: ir.clustersetDomain,
    voidToken: ir.voidToken,
  };
}

/** Bytes of a fragment that depends on the frame and one part of the IR only. One kind of fragment per kind of part. */
export function remembered(frame: Frame, part: object, encode: () => Uint8Array): Uint8Array {
  const known = bytesOf.get(frame) ?? new WeakMap<object, Uint8Array>();
  bytesOf.set(frame, known);
  const bytes = known.get(part) ?? encode();
  known.set(part, bytes);
  return bytes;
}

/**
 * Protocol buffers, "Encoding": a concatenation of encoded messages is the encoding of their merge; repeated fields and
 * maps add up. So a large resource is glued from fragments that were encoded once each.
 */
export function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
