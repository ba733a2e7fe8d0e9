/** The image as it is built here: twice, read by the rules of its format, and its programs started in its own file system. */
import assert from 'node:assert/strict';
import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { softwareVersion } from '../../controller/version.ts';

import { type Image, readImage } from './read-layout.fixture.ts';

const BUILD = resolve(import.meta.dirname, 'build.ts');
const IMAGE_USER = '65532:65532';
const run = promisify(execFile);

/** How the programs of another root can be started here: as the image's user, or as nobody in particular; else not at all. */
function changeRoot(): readonly string[] | undefined {
  const ways = [
    ['chroot', `--userspec=${IMAGE_USER}`],
    ['unshare', '-r', 'chroot'],
  ];
  return ways.find(([program = '', ...args]) => spawnSync(program, [...args, '/', '/bin/true']).status === 0);
}

describe('the image', () => {
  const work = mkdtempSync(join(tmpdir(), 'isthmus-image-test-'));
  const root = join(work, 'root');
  let image: Image;
  let printed = '';
  before(async () => {
    // Another umask and another folder for temporary files: what a build must not depend on.
    const other = join(work, 'elsewhere');
    mkdirSync(other);
    const build = `exec "$0" "$1" "$2"`;
    const [first] = await Promise.all([
      run('sh', ['-c', `umask 022; ${build}`, process.execPath, BUILD, join(work, 'a.tar')]),
      run('sh', ['-c', `umask 077; ${build}`, process.execPath, BUILD, join(work, 'b.tar')], {
        env: { ...process.env, TMPDIR: other },
      }),
    ]);
    printed = first.stdout;
    const layout = join(work, 'layout');
    for (const folder of [layout, root]) mkdirSync(folder);
    execFileSync('tar', ['-xf', join(work, 'a.tar'), '-C', layout]);
    image = readImage(layout);
    for (const input of image.layers) execFileSync('tar', ['-x', '--no-same-owner', '-p', '-C', root], { input });
  });
  after(() => rmSync(work, { recursive: true, force: true }));

  it('is the same to the octet when it is built again', () => {
    assert.ok(readFileSync(join(work, 'a.tar')).equals(readFileSync(join(work, 'b.tar'))));
    assert.ok(printed.endsWith(`${image.reference} ${image.digest}\n`));
  });

  it('runs as nobody: no root, no shell, nothing to log in to, no file that gives more rights', () => {
    assert.equal(image.config.config.User, IMAGE_USER);
    for (const path of ['bin/sh', 'usr/bin/sh', 'bin/bash', 'usr/local/bin/npm', 'usr/bin/apt', 'etc/shadow']) {
      assert.ok(!existsSync(join(root, path)), path);
    }
    for (const layer of image.layers) {
      const listed = execFileSync('tar', ['-tv', '--numeric-owner'], {
        input: layer,
        encoding: 'utf8',
        maxBuffer: 2 ** 26,
      });
      for (const line of listed.trimEnd().split('\n')) {
        // Mode: no set-user-ID, and nothing that everybody may write. A link's own mode says nothing.
        assert.match(line, /^(?:l.{9}|.{3}[-x].{2}[-x].{1}-[-x]) 0\/0 /, line);
      }
    }
    assert.ok((statSync(join(root, 'usr/local/bin/node')).mode & 0o111) !== 0);
  });

  const way = changeRoot();
  if (way === undefined) {
    process.stderr.write('NOT TESTED: programs of the image, because no other root can be entered here\n');
  } else {
    const [program = '', ...args] = way;
    const inside = (...command: readonly string[]): string => {
      const env = Object.fromEntries(image.config.config.Env.map((pair) => pair.split('=') as [string, string]));
      return execFileSync(program, [...args, root, ...command], {
        env: { ...env, PATH: process.env['PATH'] },
        encoding: 'utf8',
      });
    };

    it('has a program that starts by its entry point, as the pods start it', () => {
      assert.match(inside(...image.config.config.Entrypoint, 'gateway', 'run', '--help'), /--controller/);
      const printedYaml = inside(
        ...image.config.config.Entrypoint,
        ...['install', '--cluster', 'east', '--clusterset', 'prod.example.org', '--dry-run'],
      );
      assert.match(printedYaml, /kind: CustomResourceDefinition/);
    });

    it('has isthmus on its path, for kubectl exec', () => {
      assert.match(inside('/usr/local/bin/isthmus', 'version'), new RegExp(softwareVersion()));
    });

    it('has the Envoy that this version was tested with', () => {
      assert.match(inside('/usr/local/bin/envoy', '--version'), new RegExp(`/1\\.40\\.`));
    });
  }
});
