import { EAST, EDGE, WEST } from '../clusterset.ts';
import { keys } from '../deployment.ts';
import { expect } from '../eventually.ts';
import { kept } from '../kept.ts';
import { storeCase } from '../store-case.ts';

const HUGE_BYTES = 256 * 1024 * 1024;
/** Three controllers and the test itself; a copy of one huge value would be above. */
const GROWTH_MAX_BYTES = 400 * 1024 * 1024;

export const hugeValues = storeCase({
  name: 'huge-values',
  row: 'endless data (256 MiB in the place of a head): a byte budget ends it, memory stays bounded',
  layouts: ['alone'],
  inject: async ({ servers, federation, stage }) => {
    const before = process.memoryUsage().rss;
    const server = await servers.primary();
    await server.cli('SETRANGE', keys.head(WEST), HUGE_BYTES - 1, 'x');
    await kept(federation, async () => {
      for (let second = 0; second < 6; second += 1) await federation.clock.sleep(1_000);
    });
    const grown = process.memoryUsage().rss - before;
    stage.note(`grew by ${Math.round(grown / 1024 / 1024)} MiB`);
    expect(`memory grew by ${grown} bytes`, grown < GROWTH_MAX_BYTES);
    const { east } = federation;
    for (const peer of [EDGE, WEST]) expect(`${EAST} lost ${peer}`, (east.sees.get(peer) ?? 0) > 0);
  },
  expect: async () => undefined,
  heal: async ({ servers }) => {
    await (await servers.primary()).cli('DEL', keys.head(WEST));
  },
});
