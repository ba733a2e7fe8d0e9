/**
 * Packs the self-contained archive for hosts without Node, npm or a network: `node deploy/dist/build.ts [FOLDER]`. Unpack it
 * anywhere and run `bin/isthmus`, or link that into a folder of PATH. Beside it `SHA256SUMS`, as sha256sum(1) checks them.
 */
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { gzipSync } from 'node:zlib';
import { softwareVersion } from '../../controller/version.ts';
import { findEnvoy } from '../../gateway-config/agent/envoy-binary.ts';
import { libraryFiles, sourceFiles } from '../program/contents.ts';
import { sourceEpochS } from '../program/epoch.ts';
import { stage } from '../program/stage.ts';
import { packTar } from '../program/tar.ts';

const ROOT = resolve(import.meta.dirname, '../..');

function build(folder: string): void {
  const name = `isthmus-${softwareVersion()}-${process.platform}-${process.arch}`;
  const work = mkdtempSync(join(tmpdir(), 'isthmus-dist-'));
  try {
    const tree = join(work, 'tree');
    stage([...sourceFiles(ROOT), ...libraryFiles(ROOT)], ROOT, tree);
    // Where `bin/isthmus` and the gateway agent look first.
    putProgram(process.execPath, join(tree, '.tools/node/bin/node'));
    putProgram(findEnvoy({ env: process.env }), join(tree, '.tools/envoy/bin/envoy'));
    const tar = join(work, `${name}.tar`);
    packTar(tree, tar, sourceEpochS(ROOT, process.env), name);
    mkdirSync(folder, { recursive: true });
    const archive = join(folder, `${name}.tar.gz`);
    const bytes = gzipSync(readFileSync(tar), { level: 6 });
    writeFileSync(archive, bytes);
    const sum = createHash('sha256').update(bytes).digest('hex');
    writeFileSync(join(folder, 'SHA256SUMS'), `${sum}  ${basename(archive)}\n`);
    process.stdout.write(`${archive}\n${sum}\n`);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function putProgram(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true });
  cpSync(realpathSync(from), to);
}

build(resolve(process.argv[2] ?? join(ROOT, 'out/dist')));
