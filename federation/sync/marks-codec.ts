import type { HighWaterMark } from '../model/candidate.ts';
import { type ClusterId, isDnsLabel } from '../model/ids.ts';
import { sha256Hex } from '../model/sha256.ts';
import type { RosterMark } from './roster-follower.ts';
import { z } from 'zod';

/** `marks.json`: `{"format": 1, "sha256": HEX, "content": TEXT}`, the hash being over the octets of the text. */
export interface MarksContent {
  /** `version`: no version up to it is ever used again. `epoch`: likewise. */
  readonly own: { readonly epoch: number; readonly version: number };
  readonly roster: RosterMark | undefined;
  readonly peers: ReadonlyMap<ClusterId, HighWaterMark>;
}

export const NO_MARKS: MarksContent = { own: { epoch: 0, version: 0 }, roster: undefined, peers: new Map() };

const FORMAT = 1;
const counter = z.int().min(0);
const hexDigest = z.string().regex(/^[0-9a-f]{64}$/);

const envelopeSchema = z.object({ format: z.literal(FORMAT), sha256: hexDigest, content: z.string() });

const contentSchema = z.object({
  own: z.object({ epoch: counter, version: counter }),
  roster: z.object({ version: counter, digest: hexDigest }).optional(),
  peers: z.array(
    z.object({
      cluster: z.string().refine(isDnsLabel),
      order: z.object({
        incarnation: counter,
        epoch: counter,
        writerId: z.string(),
        version: counter,
        beat: counter,
      }),
      digest: hexDigest,
    }),
  ),
});

export function encodeMarks(marks: MarksContent): Uint8Array {
  const peers = [...marks.peers].map(([cluster, { order, digest }]) => ({ cluster, order, digest }));
  const content = JSON.stringify({ own: marks.own, roster: marks.roster, peers });
  const envelope = { format: FORMAT, sha256: sha256Hex(new TextEncoder().encode(content)), content };
  return new TextEncoder().encode(`${JSON.stringify(envelope)}\n`);
}

/** Nothing when a single bit is not as it was written. */
export function decodeMarks(bytes: Uint8Array): MarksContent | undefined {
  const envelope = envelopeSchema.safeParse(parseJson(new TextDecoder().decode(bytes)));
  if (!envelope.success) return undefined;
  const { content, sha256 } = envelope.data;
  if (sha256Hex(new TextEncoder().encode(content)) !== sha256) return undefined;
  const parsed = contentSchema.safeParse(parseJson(content));
  if (!parsed.success) return undefined;
  // The schema has checked the branded names with the function that makes them (`isDnsLabel`).
  const peers = parsed.data.peers.map(({ cluster, ...mark }) => [cluster as ClusterId, mark] as const);
  return { own: parsed.data.own, roster: parsed.data.roster, peers: new Map(peers) };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Damaged: the schema refuses it, and the caller goes on with the previous generation.
    return undefined;
  }
}
