import { z } from 'zod';
import type { Sample } from './sample.ts';
import { streamSchema } from './target.ts';

/** What the demo and its generator say to each other: one JSON object a line, commands on stdin, reports on stdout. */
export const commandSchema = z.discriminatedUnion('do', [
  z.strictObject({ do: z.literal('start'), stream: streamSchema }),
  /** Starts no more of this stream; reported as `ended` when its last attempt is over. */
  z.strictObject({ do: z.literal('end'), stream: z.string() }),
  z.strictObject({ do: z.literal('mark'), name: z.string().max(100) }),
  /** Reported as `settled` when every attempt that was due before `beforeMs` is over. */
  z.strictObject({ do: z.literal('settle'), id: z.string().max(63), beforeMs: z.number() }),
  z.strictObject({
    do: z.literal('hold'),
    id: z.string().max(63),
    host: z.string().max(253),
    port: z.int().min(1).max(65_535),
    mode: z.enum(['idle', 'sending']),
  }),
  z.strictObject({ do: z.literal('release'), id: z.string() }),
  /** Ends all streams; the process exits when the last attempt is over. The end of stdin means the same. */
  z.strictObject({ do: z.literal('stop') }),
]);

export type Command = z.output<typeof commandSchema>;
export type CommandInput = z.input<typeof commandSchema>;

/** stream, due, lag, latency, ok, answer: an array, because there are hundreds a second. */
const packedSample = z.tuple([
  z.string(),
  z.number(),
  z.number(),
  z.number(),
  z.union([z.literal(0), z.literal(1)]),
  z.string(),
]);

export const reportSchema = z.discriminatedUnion('is', [
  z.strictObject({ is: z.literal('ready'), atMs: z.number() }),
  z.strictObject({ is: z.literal('samples'), batch: z.array(packedSample) }),
  z.strictObject({ is: z.literal('marked'), name: z.string(), atMs: z.number() }),
  z.strictObject({ is: z.literal('ended'), stream: z.string(), attempts: z.number() }),
  z.strictObject({ is: z.literal('settled'), id: z.string() }),
  z.strictObject({ is: z.literal('held'), id: z.string(), answer: z.string(), atMs: z.number() }),
  z.strictObject({ is: z.literal('cut'), id: z.string(), reason: z.string(), atMs: z.number() }),
  z.strictObject({ is: z.literal('stopped'), attempts: z.number(), cpuShare: z.number() }),
  z.strictObject({ is: z.literal('refused'), message: z.string() }),
]);

export type Report = z.output<typeof reportSchema>;
type PackedSample = z.output<typeof packedSample>;

export function packSample(sample: Sample): PackedSample {
  const { stream, dueMs, lagMs, latencyMs, ok, answer } = sample;
  return [stream, toMicros(dueMs), toMicros(lagMs), toMicros(latencyMs), ok ? 1 : 0, answer];
}

export function unpackSample([stream, dueMs, lagMs, latencyMs, ok, answer]: PackedSample): Sample {
  return { stream, dueMs, lagMs, latencyMs, ok: ok === 1, answer };
}

function toMicros(valueMs: number): number {
  return Math.round(valueMs * 1000) / 1000;
}
