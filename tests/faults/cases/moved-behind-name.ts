import { linkOf } from '../links.ts';
import { kept } from '../kept.ts';
import { startServer } from '../../redis/server.ts';
import { storeCase } from '../store-case.ts';

export const movedBehindName = storeCase({
  name: 'moved-behind-name',
  row: 'the name of the store moves to another, empty server: everybody publishes there',
  layouts: ['alone'],
  linked: 'every-site',
  inject: async ({ servers, links, stage, federation }) => {
    const next = stage.owned.use(await startServer({ program: stage.program, acl: servers.logins.acl }));
    for (const { cluster } of federation.sites) {
      linkOf(links, cluster).pointTo(next);
      linkOf(links, cluster).reset();
    }
    await servers.killAll();
  },
  expect: ({ federation }) =>
    kept(federation, async () => {
      await federation.untilEqual();
    }),
});
