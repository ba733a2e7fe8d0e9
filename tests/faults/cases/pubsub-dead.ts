import { linkOf } from '../links.ts';
import { untilCounted } from '../looks.ts';
import { storeCase } from '../store-case.ts';

export const pubsubDead = storeCase({
  name: 'pubsub-dead',
  row: 'pub/sub silently dead: polling of heads finds changes within 10 s',
  layouts: ['alone'],
  linked: 'every-site',
  alert: 'isthmus_notify_gap_total',
  inject: async ({ links, federation }) => {
    for (const { cluster } of federation.sites) linkOf(links, cluster).deafenSubscribers();
  },
  expect: async ({ federation, stage }) => {
    for (const site of federation.sites) await federation.change(site);
    const tookMs = await federation.untilEqual();
    stage.note(`found by polling after ${(tookMs / 1000).toFixed(1)} s`);
    await untilCounted(federation.sites, 'isthmus_notify_gap_total');
  },
  heal: async ({ links, federation }) => {
    for (const { cluster } of federation.sites) linkOf(links, cluster).hearAgain();
  },
});
