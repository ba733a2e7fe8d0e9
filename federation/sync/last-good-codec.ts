import { z } from 'zod';
import { type ClusterId, isDnsLabel } from '../model/ids.ts';
import type { RecordBytes, RecordKey } from '../model/records.ts';
import type { KeptCluster } from './peer-replica.ts';
import { openSections, sealSections } from './sealed-sections.ts';

/** One cluster's verified state to file bytes and back: `meta` (JSON), `head`, `signature`, `record:KEY` for each record. */
const META = 'meta';
const HEAD = 'head';
const SIGNATURE = 'signature';
const RECORD = 'record:';
const ROSTER = 'roster';

const metaSchema = z.object({
  cluster: z.string().refine(isDnsLabel),
  signerChain: z.string(),
  acceptedAtMs: z.number(),
});

export function encodeKept(kept: KeptCluster): Uint8Array {
  const { cluster, signed, acceptedAtMs, records } = kept;
  const meta = JSON.stringify({ cluster, signerChain: signed.signerChain, acceptedAtMs });
  const sections = new Map([
    [META, new TextEncoder().encode(meta)],
    [HEAD, signed.bytes],
    [SIGNATURE, signed.signature],
  ]);
  for (const [key, bytes] of records) sections.set(`${RECORD}${key}`, bytes);
  return sealSections(sections);
}

/** Nothing when the file is damaged or speaks of another cluster than its name says. */
export function decodeKept(bytes: Uint8Array, expected: ClusterId): KeptCluster | undefined {
  const parts = new Map<string, Uint8Array>();
  const records = new Map<RecordKey, RecordBytes>();
  for (const [name, part] of openSections(bytes) ?? []) {
    if (name.startsWith(RECORD)) records.set(name.slice(RECORD.length), part);
    else parts.set(name, part);
  }
  const meta = parseMeta(parts.get(META));
  const head = parts.get(HEAD);
  const signature = parts.get(SIGNATURE);
  if (meta?.cluster !== expected || head === undefined || signature === undefined) return undefined;
  const signed = { bytes: head, signature, signerChain: meta.signerChain };
  return { cluster: expected, signed, records, acceptedAtMs: meta.acceptedAtMs };
}

export function encodeKeptRoster(bytes: Uint8Array): Uint8Array {
  return sealSections(new Map([[ROSTER, bytes]]));
}

export function decodeKeptRoster(bytes: Uint8Array): Uint8Array | undefined {
  return openSections(bytes)?.find(([name]) => name === ROSTER)?.[1];
}

function parseMeta(bytes: Uint8Array | undefined): z.infer<typeof metaSchema> | undefined {
  if (bytes === undefined) return undefined;
  try {
    return metaSchema.parse(JSON.parse(new TextDecoder().decode(bytes)));
  } catch {
    // A file of another version of ours whose checksum holds: unreadable is the same as absent.
    return undefined;
  }
}
