import { text } from 'node:stream/consumers';
import { join } from 'node:path';
import { httpSni, tcpSni } from '../../gateway-config/naming.ts';
import { parseClusterId, serviceKey, servicePortKey } from '../../federation/model/ids.ts';
import { loadSiteTrust } from '../../controller/site-trust.ts';
import { GATEWAY_SET } from '../../controller/site-world.ts';
import { stateFolder } from '../../controller/state-folder.ts';
import { IsthmusError } from '../../runtime/errors.ts';
import { SystemRandom } from '../../runtime/random.ts';
import { toPem } from '../../trust/certificates.ts';
import { PrivateKey } from '../../trust/private-key.ts';
import { CLUSTERSET, type Federation, GATEWAY_PORT } from '../federation.ts';
import type { Attempt, AttemptAnswer } from '../intruder.ts';
import type { DemoSite } from '../site.ts';
import { type CheckedPromise, countUntilNow, noneFailed, type PhaseContext, type PhaseResult } from './phase.ts';

/**
 * Phase 5: who knocks at the gateway of `west` from the store's host, which is on the wire and belongs to no site. The
 * first attempts are controls: with a certificate of edge's own CA the granted names answer.
 */
const INTRUDER = join(import.meta.dirname, '..', 'intruder.ts');

export async function leastTrust(context: PhaseContext): Promise<PhaseResult> {
  const { federation } = context;
  const fromMs = await federation.load.mark('least-trust');
  const edge = await certificateOf(federation, federation.edge, federation.edge);
  const otherCa = await certificateOf(federation, federation.east, federation.edge);
  const attempts = attemptsAt(federation.west.host.wan, { edge, otherCa });
  const answers = new Map((await knock(federation, attempts)).map((answer) => [answer.name, answer]));
  const counted = await countUntilNow(context, fromMs);
  return counted.result(
    { name: 'least-trust', title: 'strangers at the gateway of west' },
    { promises: [...verdicts(answers), noneFailed('HTTP', counted.http), noneFailed('TCP', counted.tcp)] },
  );
}

type Certificate = NonNullable<Attempt['certificate']>;

/** A certificate that says to be `name`'s gateway, signed by the CA of `issuer`: forged unless both are the same. */
async function certificateOf(federation: Federation, issuer: DemoSite, name: DemoSite): Promise<Certificate> {
  const trust = await loadSiteTrust(
    { folder: stateFolder(issuer.stateDir), random: new SystemRandom() },
    {
      cluster: parseClusterId(issuer.name),
      clustersetDomain: CLUSTERSET,
      leafLifetimeMs: 60_000,
      authority: false,
    },
  );
  const key = PrivateKey.generate();
  const nowMs = federation.clock.epochMs();
  const issued =
    issuer === name
      ? trust.issuer.issueGateway(GATEWAY_SET, key.publicKey, nowMs)
      : trust.issuer.issueController(key.publicKey, nowMs);
  return { chain: toPem(issued.chain), key: key.revealPem() };
}

function attemptsAt(
  host: string,
  { edge, otherCa }: { readonly edge: Certificate; readonly otherCa: Certificate },
): readonly Attempt[] {
  const pair = httpSni(parseClusterId('edge'), parseClusterId('west'), CLUSTERSET);
  const sniOf = (name: string, port: number): string => tcpSni(servicePortKey(serviceKey('default', name), port), pair);
  const base = { host, port: GATEWAY_PORT } as const;
  const http = { ...base, kind: 'http', sni: pair, service: 'default/shop:80' } as const;
  const tcp = { ...base, kind: 'tcp', sni: sniOf('db', 5432), service: 'default/db:5432' } as const;
  return [
    { ...http, name: 'control-http', certificate: edge },
    { ...tcp, name: 'control-tcp', certificate: edge },
    { ...http, name: 'no-certificate-http' },
    { ...tcp, name: 'no-certificate-tcp' },
    { ...http, name: 'other-ca-http', certificate: otherCa },
    { ...tcp, name: 'other-ca-tcp', certificate: otherCa },
    { ...http, name: 'not-exported-http', certificate: edge, service: 'default/private:80' },
    { ...tcp, name: 'not-exported-tcp', certificate: edge, sni: sniOf('private', 80) },
  ];
}

async function knock({ lab }: Federation, attempts: readonly Attempt[]): Promise<readonly AttemptAnswer[]> {
  const running = lab.spawn('store', process.execPath, [INTRUDER], { name: 'intruder', stdin: 'pipe', stdout: 'pipe' });
  const { stdin, stdout } = running.child;
  if (stdin === null || stdout === null) throw new IsthmusError('demo', 'the intruder has no pipes');
  stdin.end(JSON.stringify(attempts));
  return JSON.parse(await text(stdout)) as readonly AttemptAnswer[];
}

function verdicts(answers: ReadonlyMap<string, AttemptAnswer>): readonly CheckedPromise[] {
  const of = (name: string): AttemptAnswer => answers.get(name) ?? { name };
  const controls = of('control-http').status === 200 && of('control-tcp').body !== undefined;
  const refused = (what: string): boolean =>
    [of(`${what}-http`), of(`${what}-tcp`)].every(({ status, body }) => status === undefined && body === undefined);
  const http = of('not-exported-http');
  const notExported = http.status === 404 && http.reply === 'unsent' && of('not-exported-tcp').body === undefined;
  const found = (held: boolean): string =>
    held && controls ? 'refused over HTTP and TCP' : JSON.stringify([...answers.values()]);
  return [
    {
      promise: 'a member with its own certificate is answered (control)',
      held: controls,
      found: controls ? 'HTTP 200, TCP answered' : JSON.stringify([...answers.values()]),
    },
    {
      promise: 'a client without certificate is refused',
      held: controls && refused('no-certificate'),
      found: found(refused('no-certificate')),
    },
    {
      promise: 'a certificate of another CA is refused',
      held: controls && refused('other-ca'),
      found: found(refused('other-ca')),
    },
    { promise: 'a name that is not exported is refused', held: controls && notExported, found: found(notExported) },
  ];
}
