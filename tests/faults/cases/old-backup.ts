import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { kept } from '../kept.ts';
import { untilCounted } from '../looks.ts';
import { storeCase } from '../store-case.ts';

export const oldBackup = storeCase({
  name: 'old-backup',
  row: 'store restored from an old backup (RDB): as after lost writes, for all clusters; no reader goes back',
  layouts: ['alone', 'cluster', 'tls'],
  servers: { config: [] },
  alert: 'isthmus_store_rollback_detected_total',
  inject: async ({ federation, servers }) => {
    const files = servers.servers.map(({ directory }) => {
      return { dump: join(directory, 'dump.rdb'), backup: join(directory, 'old.rdb') };
    });
    for (const server of servers.servers) await server.cli('SAVE');
    for (const { dump, backup } of files) await copyFile(dump, backup);
    for (let news = 0; news < 5; news += 1) {
      for (const site of federation.sites) await federation.change(site);
      await federation.untilEqual();
    }
    await servers.killAll();
    for (const { dump, backup } of files) await copyFile(backup, dump);
    await servers.startAll();
  },
  expect: ({ federation }) =>
    kept(federation, () => untilCounted(federation.sites, 'isthmus_store_rollback_detected_total')),
});
