import type { DemoSite } from '../site.ts';
import { countUntilNow, noneFailed, type PhaseContext, type PhaseResult } from './phase.ts';
import { LEAF_LIFETIME_S } from '../federation.ts';
import { until } from '../until.ts';

/** Phase 4: every gateway's certificate is replaced, several times, under load. Counted from Envoy's own `/certs`. */
const ROTATIONS = 2;
const TIMEOUT_MS = 40_000;

export async function certificates(context: PhaseContext): Promise<PhaseResult> {
  const { load, sites, clock } = context.federation;
  const fromMs = await load.mark('certificates');
  context.progress(`certificates live ${LEAF_LIFETIME_S} s here: waiting for ${ROTATIONS} renewals of every gateway`);
  const seen = new Map<string, Set<string>>(sites.map(({ name }) => [name, new Set()]));
  await until(clock, { what: 'renewed certificates', timeoutMs: TIMEOUT_MS, everyMs: 200 }, async () => {
    for (const site of sites) seen.get(site.name)?.add(await leafSerial(site));
    return [...seen.values()].every((serials) => serials.size > ROTATIONS) ? true : undefined;
  });
  const counted = await countUntilNow(context, fromMs);
  const rotations = [...seen].map(([name, serials]) => `${name} ${serials.size - 1}`);
  return counted.result(
    { name: 'certificates', title: 'gateway certificates are renewed' },
    {
      promises: [
        {
          promise: `every gateway's certificate is renewed at least ${ROTATIONS} times`,
          held: [...seen.values()].every((serials) => serials.size > ROTATIONS),
          found: rotations.join(', '),
        },
        noneFailed('HTTP', counted.http),
        noneFailed('TCP', counted.tcp),
      ],
    },
  );
}

interface Certs {
  readonly certificates: readonly { readonly cert_chain?: readonly { readonly serial_number: string }[] }[];
}

/** The serial number of the certificate that this gateway's Envoy shows now. */
async function leafSerial(site: DemoSite): Promise<string> {
  const certs = JSON.parse((await site.envoy.get('/certs')).toString('utf8')) as Certs;
  const chains = certs.certificates.flatMap(({ cert_chain: chain }) => chain ?? []);
  return chains[0]?.serial_number ?? '';
}
