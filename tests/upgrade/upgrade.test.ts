/** Each release beside this version: in one clusterset, in one state folder, there and back. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { askController } from '../../cli/admin-client.ts';
import { softwareVersion } from '../../controller/version.ts';
import { decodeMarks } from '../../federation/sync/marks-codec.ts';
import { until } from '../redis/until.ts';
import { CURRENT, releases } from './release.ts';
import { Sites } from './sites.ts';

/** Said of knowledge that went back, twice written, forged or not understood: never because a version is another one. */
const ALARMS = /equivocat|SchemaTooNew|rolled back|roster_withheld|"level":(50|60|"error"|"fatal")/i;

const known = releases();
if (known.length === 0) {
  process.stdout.write(
    'SHALLOW CLONE: upgrades from releases are left out, because this clone has not their commits\n',
  );
}
for (const release of known) {
  describe(`release ${release.version} and this version`, { concurrency: 2 }, () => {
    after(() => release[Symbol.dispose]());
    const OLD = release.program;
    /** It knows no goodbye and no endpoints of pods. */
    const isFirst = release.version === '0.1.0';
    const versions = [
      { title: 'a member of the release under an authority of this version', authority: CURRENT, member: OLD },
      { title: 'a member of this version under an authority of the release', authority: OLD, member: CURRENT },
    ];

    for (const { title, authority, member } of versions) {
      it(`${title}: both see what the other exports, at first and when it changes`, async (t) => {
        const sites = await Sites.found(t, authority);
        await sites.join('west', member);
        await sites.untilSeen('east', ['west/web-west']);
        await sites.untilSeen('west', ['east/web-east']);
        await sites.export('west', 'later-west');
        await sites.export('east', 'later-east');
        await sites.untilSeen('east', ['west/later-west']);
        await sites.untilSeen('west', ['east/later-east']);
        for (const site of ['east', 'west']) assert.doesNotMatch(sites.logOf(site), ALARMS);
      });
    }

    it('records with fields that the release does not know are read by it without them', async (t) => {
      const sites = await Sites.found(t, OLD);
      const network = ['--network', 'east'];
      await sites.join('west', CURRENT, network);
      await sites.edit('west', { podRouting: 'direct' });
      await sites.run('west', CURRENT);
      await sites.export('west', 'with-endpoints');
      await sites.untilSeen('east', ['west/with-endpoints']);
      const item = await sites.cluster('east', 'west');
      assert.equal(item?.status.rejected, undefined);
      assert.equal(item?.spec?.softwareVersion, softwareVersion());
      // It was really in there: a third site of this version reads the endpoint.
      await sites.join('north', CURRENT, network);
      await sites.untilSeen('north', ['west/with-endpoints']);
      assert.match(JSON.stringify(await askController(sites.stateDir('north'), '/debug/state')), /192\.0\.2\.10/);
      const old = JSON.stringify(await askController(sites.stateDir('east'), '/debug/state'));
      assert.equal(old.includes('192.0.2.10'), !isFirst);
    });

    it('a member is upgraded in place and rolled back: it goes on where it was, and nobody sees it go back', async (t) => {
      const sites = await Sites.found(t, OLD);
      await sites.join('west', OLD);
      await sites.untilSeen('east', ['west/web-west']);
      const order = async (): Promise<readonly [number, number]> => {
        const { epoch = 0, version = 0 } = (await sites.cluster('east', 'west'))?.status.head ?? {};
        return [epoch, version];
      };
      const marked = async (): Promise<readonly string[]> => {
        const marks = decodeMarks(await readFile(join(sites.stateDir('west'), 'marks.json')));
        return [...(marks?.peers.keys() ?? [])];
      };
      let seen = await order();
      const steps = [
        { news: 'upgraded', program: CURRENT, signal: 'SIGTERM' },
        { news: 'rolled-back', program: OLD, signal: 'SIGTERM' },
        { news: 'upgraded-after-a-crash', program: CURRENT, signal: 'SIGKILL' },
        { news: 'rolled-back-after-a-crash', program: OLD, signal: 'SIGKILL' },
      ] as const;
      for (const { news, program, signal } of steps) {
        await until('the marks to know the peer', async () => (await marked()).includes('east'));
        await sites.run('west', program, signal);
        await sites.untilSeen('west', ['east/web-east']);
        await sites.export('west', news);
        await sites.untilSeen('east', [`west/${news}`, 'west/web-west']);
        const now = await order();
        assert.ok(now[0] > seen[0], `epoch of ${news}`);
        assert.ok(now[1] > seen[1], `version of ${news}`);
        seen = now;
      }
      assert.doesNotMatch(sites.logOf('east'), ALARMS);
    });

    it('an authority is upgraded in place and rolled back: it still admits, and its members stay', async (t) => {
      const sites = await Sites.found(t, OLD);
      await sites.join('west', OLD);
      await sites.run('east', CURRENT);
      await sites.join('north', OLD);
      await sites.untilSeen('west', ['north/web-north', 'east/web-east']);
      await sites.run('east', OLD);
      await sites.join('south', CURRENT);
      await sites.untilSeen('west', ['south/web-south', 'north/web-north', 'east/web-east']);
      await sites.untilSeen('south', ['west/web-west']);
      assert.doesNotMatch(sites.logOf('west'), ALARMS);
    });

    it('the goodbye of a member of this version takes its services away from an authority and members of the release', async (t) => {
      const sites = await Sites.found(t, OLD);
      await sites.join('north', OLD);
      await sites.join('west', CURRENT);
      await sites.untilSeen('east', ['west/web-west']);
      await sites.untilSeen('north', ['west/web-west']);
      const timeout = ['--timeout', isFirst ? '1s' : '30s'];
      const left = await sites.command(CURRENT, ['leave', '--state-dir', sites.stateDir('west'), ...timeout]);
      // The first release does not know what a goodbye is, so the roster keeps the member.
      assert.equal(left.code, isFirst ? 3 : 0, left.stderr);
      assert.equal(/has not taken this cluster off the roster yet/.test(left.stderr), isFirst);
      await sites.untilGone('east', 'west/web-west');
      await sites.untilGone('north', 'west/web-west');
    });

    it('an authority of this version takes a member that left off the roster, which a member of the release follows', async (t) => {
      const sites = await Sites.found(t, CURRENT);
      await sites.join('north', OLD);
      await sites.join('west', CURRENT);
      await sites.untilSeen('north', ['west/web-west']);
      const left = await sites.command(CURRENT, ['leave', '--state-dir', sites.stateDir('west')]);
      assert.equal(left.code, 0, left.stderr);
      await sites.untilGone('north', 'west/web-west');
      await until('north to know that west was removed', async () => {
        return (await sites.cluster('north', 'west'))?.status.membership !== 'active';
      });
      assert.doesNotMatch(sites.logOf('north'), ALARMS);
    });
  });
}
