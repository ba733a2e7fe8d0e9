/**
 * Reads an image as a container engine does, by the image-spec (v1.1) and not by `layout.ts`: from `index.json` down, each
 * blob judged by its descriptor before it is believed.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly platform?: { readonly architecture: string; readonly os: string };
  readonly annotations?: Readonly<Record<string, string>>;
}

interface Manifest {
  readonly schemaVersion: number;
  readonly mediaType: string;
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
}

export interface Image {
  readonly digest: string;
  readonly reference: string;
  readonly config: {
    readonly architecture: string;
    readonly os: string;
    readonly config: {
      readonly User: string;
      readonly Env: readonly string[];
      readonly Entrypoint: readonly string[];
    };
    readonly rootfs: { readonly type: string; readonly diff_ids: readonly string[] };
    readonly history: readonly { readonly empty_layer?: boolean }[];
  };
  /** Uncompressed tars, the lowest first. */
  readonly layers: readonly Buffer[];
}

const TYPE = 'application/vnd.oci.image';
/** What the spec says of an unset one. */
const LAYOUT_VERSION = '1.0.0';

/** @param folder an unpacked image layout */
export function readImage(folder: string): Image {
  assert.deepEqual(parse(readFileSync(join(folder, 'oci-layout'))), { imageLayoutVersion: LAYOUT_VERSION });
  const index = parse(readFileSync(join(folder, 'index.json'))) as { manifests: readonly Descriptor[] };
  const [named, ...more] = index.manifests;
  assert.ok(named !== undefined && more.length === 0, 'one image in the index');
  assert.equal(named.mediaType, `${TYPE}.manifest.v1+json`);
  const manifest = parse(blob(folder, named)) as Manifest;
  assert.deepEqual([manifest.schemaVersion, manifest.mediaType], [2, named.mediaType]);
  assert.equal(manifest.config.mediaType, `${TYPE}.config.v1+json`);
  const config = parse(blob(folder, manifest.config)) as Image['config'];
  const layers = manifest.layers.map((layer) => {
    assert.equal(layer.mediaType, `${TYPE}.layer.v1.tar+gzip`);
    return gunzipSync(blob(folder, layer));
  });
  // "diff_ids ... digests of uncompressed layers, in order from first to last"
  assert.deepEqual([config.rootfs.type, config.rootfs.diff_ids], ['layers', layers.map(digestOf)]);
  assert.equal(config.history.filter((entry) => entry.empty_layer !== true).length, layers.length);
  assert.deepEqual(named.platform, { architecture: config.architecture, os: config.os });
  const known = [named, manifest.config, ...manifest.layers].map(({ digest }) => digest.slice('sha256:'.length));
  assert.deepEqual(
    readdirSync(join(folder, 'blobs/sha256')).toSorted(),
    known.toSorted(),
    'no blob without a reference',
  );
  const [saved] = parse(readFileSync(join(folder, 'manifest.json'))) as readonly {
    readonly RepoTags: readonly [string];
  }[];
  assert.deepEqual(saved, {
    Config: pathOf(manifest.config),
    RepoTags: saved?.RepoTags,
    Layers: manifest.layers.map(pathOf),
  });
  const reference = saved?.RepoTags[0] ?? '';
  // The kubelet asks for the full name; the archive is made under a short one here.
  assert.equal(named.annotations?.['io.containerd.image.name'], `docker.io/library/${reference}`);
  return { digest: named.digest, reference, config, layers };
}

function blob(folder: string, descriptor: Descriptor): Buffer {
  assert.match(descriptor.digest, /^sha256:[0-9a-f]{64}$/);
  const bytes = readFileSync(join(folder, pathOf(descriptor)));
  assert.deepEqual([bytes.length, digestOf(bytes)], [descriptor.size, descriptor.digest]);
  return bytes;
}

function pathOf({ digest }: Descriptor): string {
  return `blobs/${digest.replace(':', '/')}`;
}

function digestOf(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

function parse(bytes: Buffer): unknown {
  return JSON.parse(bytes.toString());
}
