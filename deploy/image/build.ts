/**
 * Builds the one image for controller, gateway agent and CLI: `node deploy/image/build.ts [OUT.tar]`. From the programs
 * and libraries of this machine, without a daemon, a registry or root; two builds of one commit on one machine are equal.
 */
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { softwareVersion } from '../../controller/version.ts';
import { findEnvoy } from '../../gateway-config/agent/envoy-binary.ts';
import { libraryFiles, sourceFiles } from '../program/contents.ts';
import { sourceCommit, sourceEpochS } from '../program/epoch.ts';
import { stage } from '../program/stage.ts';
import { packTar } from '../program/tar.ts';
import { type Layer, writeLayout } from './layout.ts';
import { ENVOY_PATH, IMAGE_USER, NODE_PATH, PROGRAM_FOLDER, stageBase, stageEnvoy } from './root.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const LAYERS = [
  { name: 'base', createdBy: 'node and the libraries it loads' },
  { name: 'envoy', createdBy: 'envoy and the libraries it loads' },
  { name: 'libraries', createdBy: 'npm packages of package-lock.json' },
  { name: 'program', createdBy: 'isthmus' },
] as const;

function build(target: string): void {
  const work = mkdtempSync(join(tmpdir(), 'isthmus-image-'));
  try {
    const epochS = sourceEpochS(ROOT, process.env);
    fill(work);
    const layers: Layer[] = LAYERS.map(({ name, createdBy }) => {
      const tar = join(work, `${name}.tar`);
      packTar(join(work, name), tar, epochS);
      return { tar, createdBy };
    });
    const layout = join(work, 'layout');
    mkdirSync(layout);
    const version = softwareVersion();
    const reference = process.env['ISTHMUS_IMAGE'] ?? `isthmus:${version}`;
    const digest = writeLayout(layout, imageConfig(version, epochS, reference), layers);
    mkdirSync(resolve(target, '..'), { recursive: true });
    packTar(layout, target, epochS);
    process.stdout.write(`${target}\n${reference} ${digest}\n`);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function fill(work: string): void {
  for (const { name } of LAYERS) mkdirSync(join(work, name));
  stageBase(join(work, 'base'), realpathSync(process.execPath));
  stageEnvoy(join(work, 'envoy'), realpathSync(findEnvoy({ env: process.env })));
  stage(libraryFiles(ROOT), ROOT, join(work, 'libraries', PROGRAM_FOLDER));
  const program = join(work, 'program', PROGRAM_FOLDER);
  stage(sourceFiles(ROOT), ROOT, program);
  // Not `bin/isthmus`: the image has no shell to look for a Node with.
  writeFileSync(
    join(program, 'bin/isthmus-image'),
    `#!${NODE_PATH}\nawait import('${PROGRAM_FOLDER}/cli/main.ts');\n`,
    { mode: 0o755 },
  );
  // An executable without a file name extension is ES module code only where a package says so.
  writeFileSync(join(program, 'bin/package.json'), '{"type":"module"}\n');
}

function imageConfig(version: string, epochS: number, reference: string) {
  const commit = sourceCommit(ROOT);
  return {
    architecture: process.arch === 'arm64' ? ('arm64' as const) : ('amd64' as const),
    created: new Date(epochS * 1000).toISOString(),
    reference,
    user: `${IMAGE_USER.id}:${IMAGE_USER.id}`,
    workingDir: '/',
    env: [`ISTHMUS_ENVOY=${ENVOY_PATH}`, 'NODE_ENV=production', 'PATH=/usr/local/bin', 'HOME=/tmp'],
    entrypoint: [NODE_PATH, `${PROGRAM_FOLDER}/cli/main.ts`],
    labels: {
      'org.opencontainers.image.title': 'isthmus',
      'org.opencontainers.image.description': 'Multi-cluster, multi-network federation gateway controller',
      'org.opencontainers.image.licenses': 'Apache-2.0',
      'org.opencontainers.image.version': version,
      ...(commit === undefined ? {} : { 'org.opencontainers.image.revision': commit }),
    },
  };
}

build(resolve(process.argv[2] ?? join(ROOT, 'out', 'image', `isthmus-${softwareVersion()}.tar`)));
