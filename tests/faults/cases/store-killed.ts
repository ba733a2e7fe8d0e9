import { WEST } from '../clusterset.ts';
import { eventually, expect } from '../eventually.ts';
import { storeUp, untilMetric } from '../looks.ts';
import { storeCase } from '../store-case.ts';

/** Long enough for two polls to have failed and for the first heads to go stale. */
const DARK_MS = 11_000;

export const storeKilled = storeCase({
  name: 'store-killed',
  row: 'store killed: gateways keep what they have, local changes reach them, what is published waits as a state',
  layouts: ['alone', 'sentinel', 'cluster', 'tls'],
  alert: 'isthmus_store_up',
  inject: ({ servers }) => servers.killAll(),
  expect: async ({ federation }) => {
    const { west, east } = federation;
    await storeUp(federation, 0);
    const programmed = east.programmed;
    for (let news = 0; news < 5; news += 1) await federation.change(west);
    await eventually('west to use its own news', 5_000, () =>
      west.sees.get(WEST) === west.ready ? [] : [`it sees ${west.sees.get(WEST) ?? 0}`],
    );
    await untilMetric(federation.sites, 'isthmus_remote_staleness_seconds', (age) => age >= DARK_MS / 1000, 20_000);
    expect('the gateways of east were sent something', east.programmed === programmed);
    expect('west was withdrawn at east', (east.sees.get(WEST) ?? 0) > 0);
  },
  heal: ({ servers }) => servers.startAll(),
  after: ({ federation }) => storeUp(federation, 1),
});
