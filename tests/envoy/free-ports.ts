import { createServer } from 'node:net';

/** Ports that were free a moment ago, all different. */
export async function freePorts(count: number, address = '127.0.0.1'): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports = await Promise.all(
    servers.map(
      (server) =>
        new Promise<number>((resolve, reject) => {
          server.once('error', reject);
          server.listen(0, address, () => {
            const bound = server.address();
            if (bound === null || typeof bound === 'string') reject(new Error('no port was bound'));
            else resolve(bound.port);
          });
        }),
    ),
  );
  await Promise.all(servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve()))));
  return ports;
}
