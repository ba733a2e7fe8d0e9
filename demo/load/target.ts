import { z } from 'zod';

/** What a stream of load does. The values travel as JSON from the demo to the generator. */
export const streamSchema = z.strictObject({
  /** Names the stream in samples; unique among the running ones. */
  name: z.string().min(1).max(63),
  kind: z.enum(['http', 'tcp']),
  host: z.string().min(1).max(253),
  port: z.int().min(1).max(65_535),
  ratePerSecond: z.number().min(0.1).max(20_000),
  /** HTTP: path and `host` header of the request. */
  path: z.string().startsWith('/').max(2000).default('/'),
  authority: z.string().max(253).optional(),
  method: z.enum(['GET', 'POST']).default('GET'),
  /** HTTP: reuse connections, or one for every request. */
  connections: z.enum(['pooled', 'new']).default('pooled'),
  /** An attempt that is not over by then has failed. */
  timeoutMs: z.int().min(10).max(60_000).default(10_000),
});

export type Stream = z.output<typeof streamSchema>;
export type StreamInput = z.input<typeof streamSchema>;

/** What one attempt came to. Never an exception: failing is an ordinary outcome here. */
export interface Outcome {
  readonly ok: boolean;
  readonly answer: string;
}

/** Begins one attempt; calls `done` exactly once. */
export type Probe = (done: (outcome: Outcome) => void) => void;

/** The first word of what a service says is its name; a stranger's text is cut short. */
export function answerName(text: string): string {
  return /^[^\s]{1,40}/.exec(text)?.[0] ?? 'nobody';
}

export function failure(reason: string): Outcome {
  return { ok: false, answer: reason };
}

/** `ECONNRESET` and the like; the message where there is no code. */
export function errorReason(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : error.message.slice(0, 60);
}
