import { Capture } from '../capture/capture.ts';
import { scanCapture } from '../capture/scan.ts';
import { judgeWire } from '../capture/verdict.ts';
import { type Federation, GATEWAY_PORT, STORE_PORT } from '../federation.ts';
import { PLAINTEXT_MARKER } from '../services/marker.ts';
import { select, summarise } from '../load/summary.ts';
import { type CheckedPromise, countFrom, noneFailed, type PhaseContext, type PhaseResult } from './phase.ts';

/** Phase 1: a service that only `west` exports is called from `east`, and the wire between the networks shows no plaintext. */
const DURATION_MS = 6_000;
const RATE = 50;

export async function discovery(context: PhaseContext): Promise<PhaseResult> {
  const { federation } = context;
  const { load, lab, east } = federation;
  const capture = lab.capabilities.capture ? await Capture.start(federation, { name: 'wire' }) : undefined;
  const fromMs = await load.mark('discovery');
  load.start({
    name: 'catalog',
    kind: 'http',
    ...(await east.callAt('catalog')),
    ratePerSecond: RATE,
    connections: 'new',
  });
  const counted = await countFrom(context, fromMs, DURATION_MS);
  await load.end('catalog');
  const catalog = summarise(select(load.samples(), { fromMs, toMs: Number.POSITIVE_INFINITY }, 'catalog'));
  const fromWest = catalog.answers['west-1'] ?? 0;
  const promises: CheckedPromise[] = [
    {
      promise: 'catalog, exported by west only, is called from east',
      held: catalog.failed === 0 && fromWest === catalog.requests && fromWest > 0,
      found: `${fromWest} of ${catalog.requests} answered by west`,
    },
    noneFailed('HTTP', counted.http),
    noneFailed('TCP', counted.tcp),
  ];
  if (capture !== undefined) promises.push(await wireIsClosed(federation, capture));
  return counted.result(
    { name: 'discovery', title: 'discovery and mTLS between networks' },
    { promises, notShown: capture === undefined ? ['the capture of the wire'] : [] },
  );
}

async function wireIsClosed({ lab, east, west, sites }: Federation, capture: Capture): Promise<CheckedPromise> {
  const { file, dropped } = await capture.stop();
  const scan = await scanCapture(file, { markers: [PLAINTEXT_MARKER], privateRanges: ['10.0.0.0/24'] });
  const verdict = judgeWire(scan, dropped, {
    hosts: [...sites.map(({ host }) => host.wan), lab.storeAddress],
    ports: [GATEWAY_PORT, STORE_PORT],
    expected: [{ source: east.host.wan, destination: west.host.wan, port: GATEWAY_PORT }],
  });
  const counts = `${scan.packets} packets, ${scan.clientHellos} TLS handshakes, ${scan.plaintext} with plaintext, ${scan.privateAddresses} with a private address`;
  return {
    promise: 'the wire between the networks carries mTLS only',
    held: verdict.ok,
    found: verdict.ok ? counts : `${counts}; ${verdict.findings.map(({ message }) => message).join('; ')}`,
  };
}
