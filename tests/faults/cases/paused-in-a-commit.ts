import { setTimeout as sleep } from 'node:timers/promises';
import { storeCase } from '../store-case.ts';

const PAUSES = 4;
/** Above the time-out of a command: its outcome is then unknown to its writer. */
const PAUSED_MS = 3_000;

export const pausedInACommit = storeCase({
  name: 'paused-in-a-commit',
  row: 'store hangs in the middle of commits: their outcome is unknown, nothing is lost or mixed',
  layouts: ['alone', 'cluster'],
  inject: async ({ servers, federation }) => {
    for (let pause = 0; pause < PAUSES; pause += 1) {
      for (const site of federation.sites) await federation.change(site);
      servers.pauseAll();
      await sleep(PAUSED_MS);
      servers.resumeAll();
      await sleep(PAUSED_MS / 2);
    }
  },
  expect: async () => undefined,
});
