/** The archive on a host that has nothing: unpacked anywhere, started by a link, without Node on the path. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { softwareVersion } from '../../controller/version.ts';

const BUILD = resolve(import.meta.dirname, 'build.ts');
/** All that `bin/isthmus` calls. */
const NEEDED = ['dirname', 'readlink'];

describe('the archive', () => {
  const work = mkdtempSync(join(tmpdir(), 'isthmus-dist-test-'));
  const built = join(work, 'dist');
  const path = join(work, 'path');
  let unpacked = '';
  before(() => {
    execFileSync(process.execPath, [BUILD, built]);
    const archive = readdirSync(built).find((name) => name.endsWith('.tar.gz')) ?? '';
    const place = join(work, 'a place with spaces');
    for (const folder of [place, path]) mkdirSync(folder);
    execFileSync('tar', ['-xzf', join(built, archive), '-C', place]);
    unpacked = join(place, archive.replace('.tar.gz', ''));
    for (const name of NEEDED) {
      const found = execFileSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).trim();
      symlinkSync(found, join(path, name));
    }
    symlinkSync(join(unpacked, 'bin/isthmus'), join(path, 'isthmus'));
  });
  after(() => rmSync(work, { recursive: true, force: true }));

  const isthmus = (...args: readonly string[]): string =>
    execFileSync(join(path, 'isthmus'), args, { env: { PATH: path, HOME: work }, cwd: work, encoding: 'utf8' });

  it('is the one that its checksum names', () => {
    const said = execFileSync('sha256sum', ['--check', '--strict', 'SHA256SUMS'], { cwd: built, encoding: 'utf8' });
    assert.equal(said.trimEnd().split('\n').length, readdirSync(built).length - 1);
  });

  it('starts by a link, with the Node and the Envoy that it brings', () => {
    assert.match(isthmus('version'), new RegExp(softwareVersion()));
    const envoy = execFileSync(join(unpacked, '.tools/envoy/bin/envoy'), ['--version'], { encoding: 'utf8' });
    assert.match(envoy, /envoy/);
  });

  it('makes a site and installs into clusters', () => {
    isthmus(
      'init',
      '--clusterset',
      'prod.example.org',
      '--cluster',
      'east',
      '--gateway-address',
      '198.51.100.7',
      '--state-dir',
      'east',
    );
    assert.ok(readdirSync(join(work, 'east')).includes('site.yaml'));
    const cluster = ['--cluster', 'west', '--clusterset', 'prod.example.org'];
    assert.match(isthmus('install', ...cluster, '--dry-run'), /kind: CustomResourceDefinition/);
  });
});
