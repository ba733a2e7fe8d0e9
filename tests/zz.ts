import { startMesh, WEB, DB } from './envoy/mesh.ts';
import { whoHttp, whoTcp } from './envoy/clients.ts';
import { waitFor } from './envoy/wait.ts';
import { setTimeout as sleep } from 'node:timers/promises';
await using mesh = await startMesh();
const noOwn = (s: any) => ({
  ...s,
  local: Object.fromEntries(Object.entries(s.local).map(([k, i]: any) => [k, { ...i, endpoints: [] }])),
  peers: Object.fromEntries(
    Object.entries(s.peers).map(([k, p]: any) => [k, k === 'c' ? { ...p, network: 'net-a' } : p]),
  ),
});
await mesh.tell('a', noOwn);
await waitFor('c', async () => (await whoTcp(mesh.egress[DB]!)) === 'c' && (await whoHttp(mesh.egress[WEB]!)) === 'c');
for (let i = 0; i < 12; i++) {
  await waitFor('c', async () => {
    await sleep(200);
    return (await whoTcp(mesh.egress[DB]!)) === 'c' && (await whoHttp(mesh.egress[WEB]!)) === 'c';
  });
  const n1 = (await mesh.a.gateway.accessLog()).length,
    n2 = (await mesh.c.gateway.accessLog()).length;
  await mesh.c.backend.kill();
  await sleep((i % 3) * 30);
  const w = await whoTcp(mesh.egress[DB]!);
  console.log(i, w);
  if (w !== 'b') {
    await sleep(300);
    console.log((await mesh.a.gateway.accessLog()).slice(n1), (await mesh.c.gateway.accessLog()).slice(n2));
  }
  await mesh.c.backend.restart();
}
