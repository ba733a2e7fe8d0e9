import { keys } from '../deployment.ts';
import { expect } from '../eventually.ts';
import { storeCase } from '../store-case.ts';

const TIMES = 20;
const GARBAGE = ['', '{', 'not json', '\u0000', 'x'.repeat(100_000), '{"kind":"cluster","cluster":"nobody"}'];

export const noticesReplayed = storeCase({
  name: 'notices-replayed',
  row: 'reordered, duplicated, delayed messages: every old notice again and again, backwards, with garbage between',
  layouts: ['alone'],
  inject: async ({ servers, federation }) => {
    const server = await servers.primary();
    const ear = await server.connect();
    await ear.callRaw('SUBSCRIBE', keys.notice);
    for (let news = 0; news < 5; news += 1) {
      for (const site of federation.sites) await federation.change(site);
      await federation.untilEqual();
    }
    const heard = ear.pushed.flatMap((message) =>
      Array.isArray(message) && Buffer.isBuffer(message[2]) ? [message[2]] : [],
    );
    ear.close();
    expect('no notice was published', heard.length > 0);
    for (let time = 0; time < TIMES; time += 1) {
      for (const notice of heard.toReversed()) await server.cli('PUBLISH', keys.notice, notice);
      for (const garbage of GARBAGE) await server.cli('PUBLISH', keys.notice, garbage);
    }
  },
  expect: async ({ federation }) => {
    expect(`the sites disagree: ${federation.differences().join()}`, federation.differences().length === 0);
  },
});
