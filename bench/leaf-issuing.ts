import { generateKeyPairSync, sign } from 'node:crypto';
import { parseClusterId } from '../federation/model/ids.ts';
import { SystemRandom } from '../runtime/random.ts';
import { foundClusterset } from '../trust/authority.ts';
import { SERIAL_BYTES } from '../trust/certificates.ts';
import { ClusterIssuer } from '../trust/issuer.ts';
import { PrivateKey } from '../trust/private-key.ts';

/**
 * How many leaf certificates one core issues, beside the floor that no issuer can beat: one raw `node:crypto.sign`
 * each. Rounds alternate, so that a busy machine slows both; the ratio is what can be compared between machines.
 */
const ROUNDS = 10;
const ROUND_MS = 300;
const TARGET_PER_SECOND = 3_000;

function perSecond(task: () => void): number {
  const startMs = performance.now();
  let count = 0;
  while (performance.now() - startMs < ROUND_MS) {
    task();
    count++;
  }
  return (count * 1000) / (performance.now() - startMs);
}

function median(values: readonly number[]): number {
  return values.toSorted((left, right) => left - right)[Math.floor(values.length / 2)] ?? Number.NaN;
}

const random = new SystemRandom();
const cluster = parseClusterId('east');
const clustersetDomain = 'bench.example.org';
const nowMs = Date.now();
const caKey = PrivateKey.generate();
const { clusterCa } = foundClusterset({
  domain: clustersetDomain,
  dev: true,
  cluster,
  rootKey: PrivateKey.generate(),
  caPublicKey: caKey.publicKey,
  nowMs,
  serials: { root: random.bytes(SERIAL_BYTES), clusterCa: random.bytes(SERIAL_BYTES) },
});
const issuer = new ClusterIssuer({ key: caKey, certificate: clusterCa, random }, { cluster, clustersetDomain });
const { publicKey } = PrivateKey.generate();
const rawKey = generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).privateKey;
const data = random.bytes(450);

const issue = (): number => perSecond(() => void issuer.issueGateway('one', publicKey, nowMs));
const raw = (): number => perSecond(() => void sign('sha256', data, rawKey));
// The first round of each compiles, and is thrown away.
issue();
raw();
const rounds = Array.from({ length: ROUNDS }, () => ({ leaves: issue(), signatures: raw() }));
const leavesPerSecond = Math.round(median(rounds.map((round) => round.leaves)));
const signaturesPerSecond = Math.round(median(rounds.map((round) => round.signatures)));
const ratio = Number(median(rounds.map((round) => round.leaves / round.signatures)).toFixed(3));
const met = leavesPerSecond >= TARGET_PER_SECOND;
const result = { bench: 'leaf-issuing', leavesPerSecond, signaturesPerSecond, ratio, target: TARGET_PER_SECOND, met };
process.stdout.write(`${JSON.stringify(result)}\n`);
