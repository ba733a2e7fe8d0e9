import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { SystemClock } from '../../runtime/clock.ts';
import { silentLogger } from '../../runtime/log.ts';
import { SystemRandom } from '../../runtime/random.ts';
import { preparePrivateFolder } from '../../trust/private-file.ts';
import type { JoinOffice } from '../join-office.ts';
import { StateLock } from '../state-lock.ts';
import { LeaderOffice } from './leader-office.ts';
import type { Role, RoleView } from './role.ts';

const clock = new SystemClock();
const components = { clock, random: new SystemRandom(), log: silentLogger };

/** A role that the test changes. */
class PlayedRole implements Role {
  readonly mayWrite = true;
  readonly turnedAway = undefined;
  view: RoleView = { kind: 'follower', replica: 'b', leader: 'a', sinceMs: 0 };
  #listener: (isLeader: boolean) => void = () => undefined;

  start(): void {}

  onLeading(listener: (isLeader: boolean) => void): void {
    this.#listener = listener;
    listener(false);
  }

  lead(isLeader: boolean): void {
    const leader = isLeader ? 'b' : 'a';
    this.view = { kind: isLeader ? 'leader' : 'follower', replica: 'b', leader, sinceMs: 0 };
    this.#listener(isLeader);
  }

  async close(): Promise<void> {}
}

async function site(t: TestContext): Promise<{ role: PlayedRole; office: LeaderOffice; journal: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'isthmus-office-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const journal = join(folder, 'journal', 'authority.jsonl');
  const role = new PlayedRole();
  const open = async (): Promise<JoinOffice> => ({
    routes: {
      '/v1/tokens': {
        surfaces: ['socket'],
        method: 'POST',
        answer: () => ({ status: 201, type: 'application/json', body: '{}' }),
      },
    },
    checks: [],
    close: () => Promise.resolve(),
  });
  const office = new LeaderOffice({ ...components, role }, { journal, open });
  t.after(() => office.close());
  return { role, office, journal };
}

async function ask(office: LeaderOffice): Promise<{ status: number; body: string }> {
  const route = office.routes['/v1/tokens'];
  assert.ok(route !== undefined);
  return await route.answer(new URLSearchParams());
}

async function untilStatus(office: LeaderOffice, status: number): Promise<void> {
  const signal = AbortSignal.timeout(10_000);
  while ((await ask(office)).status !== status) await clock.sleep(5, signal);
}

test('a replica that follows makes no token and names the one that leads', async (t) => {
  const { office } = await site(t);
  const { status, body } = await ask(office);
  assert.equal(status, 409);
  assert.match(body, /replica b does not lead, a does/);
});

test('the office opens with the lead and closes with it', async (t) => {
  const { office, role, journal } = await site(t);
  role.lead(true);
  await untilStatus(office, 201);
  role.lead(false);
  await untilStatus(office, 409);
  using _free = await StateLock.take({ clock }, { folder: dirname(journal), waitMs: 5_000 });
});

test('while the replica that led before still has the journal, no token is made, and then there is', async (t) => {
  const { office, role, journal } = await site(t);
  await preparePrivateFolder(dirname(journal));
  const before = await StateLock.take({ clock }, { folder: dirname(journal), waitMs: 0 });
  role.lead(true);
  const signal = AbortSignal.timeout(10_000);
  while (!(await ask(office)).body.includes('another process')) await clock.sleep(5, signal);
  before[Symbol.dispose]();
  await untilStatus(office, 201);
});

test('an office that was closed stays closed, whoever leads afterwards', async (t) => {
  const { office, role, journal } = await site(t);
  await preparePrivateFolder(dirname(journal));
  await office.close();
  role.lead(true);
  await clock.sleep(50);
  assert.equal((await ask(office)).status, 503);
  using _free = await StateLock.take({ clock }, { folder: dirname(journal), waitMs: 0 });
});
