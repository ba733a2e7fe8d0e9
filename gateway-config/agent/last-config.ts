import { createHash } from 'node:crypto';
import { mkdir, open, readFile, rename, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type JsonValue, fromJson, toJson } from '@bufbuild/protobuf';
import { type AttachResponse, AttachResponseSchema } from '../../protos/gen/isthmus/agent/v1/agent_pb.ts';
import { errorText, IsthmusError } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import { resourcesOf, type Resource, type Snapshot, TYPE_ORDER, type TypeUrl } from '../snapshot.ts';
import { decodeResponse, encodeResponse } from '../xds/wire.ts';

/**
 * What the agent needs to start Envoy while its controller is away: who it is, and what Envoy last acknowledged. Never
 * keys. The void token is in it, so the file is 0600. Two generations: a torn or corrupt file costs one change, not
 * the start.
 */
export interface LastConfig {
  readonly attached: AttachResponse;
  readonly snapshot: Snapshot;
}

export class LastConfigError extends IsthmusError {}

const FORMAT = 'isthmus-last-config-v1';
const MODE = 0o600;
/** A thousand services take 3 MB. */
const FILE_BYTES_MAX = 256 * 1024 * 1024;
const HEADER_BYTES_MAX = 64 * 1024;

/** Atomic: temporary file, fsync, rename; the file before becomes `PATH.previous`. */
export async function saveLastConfig(path: string, config: LastConfig): Promise<void> {
  const folder = dirname(path);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const temporary = `${path}.new`;
  const file = await open(temporary, 'w', MODE);
  try {
    await file.chmod(MODE);
    await file.writeFile(encodeLastConfig(config));
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(path, previous(path)).catch((error: unknown) => {
    if (!isMissing(error)) throw error;
  });
  await rename(temporary, path);
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** The newest generation that can be read; undefined when there is none. Never throws for what it finds on disk. */
export async function loadLastConfig(path: string, log: Logger): Promise<LastConfig | undefined> {
  for (const candidate of [path, previous(path)]) {
    try {
      if ((await stat(candidate)).size > FILE_BYTES_MAX)
        throw new LastConfigError('last-config-size', 'it is too large');
      return decodeLastConfig(await readFile(candidate));
    } catch (error) {
      if (isMissing(error)) continue;
      log.error('a kept configuration cannot be used', { path: candidate, reason: errorText(error) });
    }
  }
  return undefined;
}

function previous(path: string): string {
  return `${path}.previous`;
}

/** One line of JSON (format, who we are, digest of the rest), then a delta response per resource type, one by one. */
export function encodeLastConfig(config: LastConfig): Buffer {
  const frames = TYPE_ORDER.map((type) =>
    encodeResponse({ type, nonce: '', resources: [...resourcesOf(config.snapshot, type).values()], removed: [] }),
  );
  const body = Buffer.concat(frames);
  const attached = toJson(AttachResponseSchema, config.attached);
  const lengths = frames.map((frame) => frame.length);
  const digest = digestOf({ lengths, attached }, body);
  return Buffer.concat([Buffer.from(`${JSON.stringify({ format: FORMAT, digest, lengths, attached })}\n`), body]);
}

/** @throws LastConfigError, MalformedResponseError, SyntaxError */
export function decodeLastConfig(bytes: Buffer): LastConfig {
  const end = bytes.subarray(0, HEADER_BYTES_MAX).indexOf('\n');
  if (end < 0) throw new LastConfigError('last-config-header', 'it has no header line');
  const header = readHeader(JSON.parse(bytes.toString('utf8', 0, end)));
  const body = bytes.subarray(end + 1);
  if (digestOf(header, body) !== header.digest) {
    throw new LastConfigError('last-config-digest', 'its checksum is wrong');
  }
  const resources = new Map<TypeUrl, ReadonlyMap<string, Resource>>();
  let at = 0;
  for (const length of header.lengths) {
    const frame = decodeResponse(body.subarray(at, at + length));
    at += length;
    const type = TYPE_ORDER.find((known) => known === frame.type);
    if (type !== undefined) resources.set(type, new Map(frame.resources.map((resource) => [resource.name, resource])));
  }
  return { attached: fromJson(AttachResponseSchema, header.attached), snapshot: { resources } };
}

interface Header {
  readonly digest: string;
  readonly lengths: readonly number[];
  readonly attached: JsonValue;
}

function readHeader(header: unknown): Header {
  const bad = new LastConfigError('last-config-header', 'its header line has another form');
  if (typeof header !== 'object' || header === null) throw bad;
  if (!('format' in header) || header.format !== FORMAT) throw bad;
  if (!('digest' in header) || typeof header.digest !== 'string') throw bad;
  if (!('lengths' in header) || !Array.isArray(header.lengths)) throw bad;
  const lengths: unknown[] = header.lengths;
  if (!lengths.every((length): length is number => Number.isSafeInteger(length))) throw bad;
  if (!('attached' in header)) throw bad;
  return { digest: header.digest, lengths, attached: header.attached as JsonValue }; // it came out of JSON.parse
}

function digestOf(header: Omit<Header, 'digest'>, body: Uint8Array): string {
  const said = JSON.stringify([header.lengths, header.attached]);
  return createHash('sha256').update(`${said}\n`).update(body).digest('hex');
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
