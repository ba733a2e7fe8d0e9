import type { HeadOrder } from '../../federation/model/head.ts';
import type { StoredHead, StoredRoster } from '../../federation/store/contract.ts';
import { textOf } from './frames.ts';

/**
 * The layout of `docs/reference/store.md`, written a second time: what the proxy says must not go through the code whose
 * readers it attacks.
 */
export type PlaceKind = 'head' | 'rec' | 'log' | 'clusters' | 'roster' | 'other';

export interface Place {
  readonly kind: PlaceKind;
  readonly cluster: string;
}

const CLUSTER_PLACES: ReadonlySet<string> = new Set(['head', 'rec', 'log']);
const CLUSTERSET_PLACES: ReadonlySet<string> = new Set(['clusters', 'roster']);
const OTHER: Place = { kind: 'other', cluster: '' };
const LF = 0x0a;

export function placeOf(key: Uint8Array | undefined): Place {
  const [, tag = '', rest = ''] = /^isthmus:\{([^}]*)\}:(.*)$/s.exec(textOf(key)) ?? [];
  const slash = tag.indexOf('/');
  const cluster = slash === -1 ? '' : tag.slice(slash + 1);
  const isKnown = cluster === '' ? CLUSTERSET_PLACES.has(rest) : CLUSTER_PLACES.has(rest);
  // The sets hold nothing but kinds of places.
  return isKnown ? { kind: rest as PlaceKind, cluster } : OTHER;
}

export function clusterKey(clusterset: string, cluster: string, place: 'head' | 'rec' | 'log'): string {
  return `isthmus:{${clusterset}/${cluster}}:${place}`;
}

export function clustersetKey(clusterset: string, place: 'clusters' | 'roster' | 'notice'): string {
  return `isthmus:{${clusterset}}:${place}`;
}

/** Order, signer chain and signature in a line each, then the exact octets of the head. */
export function encodeHead({ order, head }: StoredHead): Uint8Array {
  const { incarnation, epoch, writerId, version, beat } = order;
  const lines = [
    JSON.stringify({ incarnation, epoch, writerId, version, beat }),
    head.signerChain,
    Buffer.from(head.signature).toString('base64'),
    '',
  ];
  return Buffer.concat([Buffer.from(lines.join('\n')), head.bytes]);
}

/** Undefined for what is no such value: a hostile member may have written anything. */
export function decodeHead(value: Uint8Array): StoredHead | undefined {
  const lines: string[] = [];
  let at = 0;
  for (let line = 0; line < 3; line++) {
    const end = value.indexOf(LF, at);
    if (end === -1) return undefined;
    lines.push(textOf(value.subarray(at, end)));
    at = end + 1;
  }
  const [order = '', signerChain = '', signature = ''] = lines;
  try {
    // Whoever wrote it: the proxy hands it on and believes nothing of it.
    const parsed = JSON.parse(order) as HeadOrder;
    return {
      order: parsed,
      head: { bytes: value.subarray(at), signature: Buffer.from(signature, 'base64'), signerChain },
    };
  } catch {
    return undefined;
  }
}

export function encodeRoster({ version, bytes }: StoredRoster): Uint8Array {
  return Buffer.concat([Buffer.from(`${version}\n`), bytes]);
}

export function decodeRoster(value: Uint8Array): StoredRoster | undefined {
  const end = value.indexOf(LF);
  const version = Number(textOf(value.subarray(0, Math.max(0, end))));
  return end > 0 && Number.isSafeInteger(version) ? { version, bytes: value.subarray(end + 1) } : undefined;
}
