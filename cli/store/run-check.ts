import type { ClusterId } from '../../federation/model/ids.ts';
import { type CheckFinding, problem, warning } from '../../federation/store/check-finding.ts';
import { type Store, StoreUnavailableError } from '../../federation/store/contract.ts';
import { displayStoreUrl } from '../../federation/store/display-url.ts';
import type { LatencyFacts } from '../../federation/store/redis/check-facts.ts';
import type { Clock } from '../../runtime/clock.ts';
import { InvalidInputError, IsthmusError } from '../../runtime/errors.ts';
import { UsageError } from '../exit.ts';
import { checkContents } from './check-contents.ts';
import type { CheckedStore, ContentFacts } from './check-page.ts';
import { type DumpInit, dumpStore, type StoreDump } from './dump.ts';
import { readContents } from './read-contents.ts';

/**
 * Looks at one store as the site's controller would use it, and reports whatever fails as a finding: a store that is
 * away is what the command was called for.
 */
export interface CheckComponents {
  readonly clock: Clock;
  readonly open: () => Promise<Store>;
  /** What can be asked of this kind of store beside the contract. */
  readonly probe?: (() => Promise<Probed>) | undefined;
}

type Probed = Pick<CheckedStore, 'redis' | 'findings'>;

export interface CheckInit extends DumpInit {
  readonly url: string;
  /** The own cluster; absent: nothing is written. */
  readonly cluster: ClusterId | undefined;
}

/** Why there was nothing to look at, for the exit code. */
export type CheckOutcome = 'looked' | 'unreachable' | 'refused';

export async function checkStore(
  components: CheckComponents,
  init: CheckInit,
): Promise<{ readonly checked: CheckedStore; readonly outcome: CheckOutcome }> {
  const store = displayStoreUrl(init.url);
  let probed: Probed | undefined;
  try {
    probed = await components.probe?.();
  } catch (error) {
    const { finding, outcome } = failureOf(error);
    return { checked: { store, ok: false, findings: [finding] }, outcome };
  }
  try {
    await using opened = await components.open();
    const looked = await look(opened, components, init, probed === undefined ? 'alone' : 'beside a probe');
    const findings = [...(probed?.findings ?? []), ...looked.findings];
    return { checked: { ...probed, ...looked, store, findings, ok: isOk(findings) }, outcome: 'looked' };
  } catch (error) {
    const { finding, outcome } = failureOf(error);
    const found = probed?.findings ?? [];
    const findings = found.some(({ reason }) => EXPLAINS.has(reason)) ? found : [...found, finding];
    return { checked: { ...probed, store, ok: false, findings }, outcome: probed === undefined ? outcome : 'looked' };
  }
}

/** @throws what is no fault of the store's */
function failureOf(error: unknown): { readonly finding: CheckFinding; readonly outcome: CheckOutcome } {
  if (!(error instanceof IsthmusError) || error instanceof InvalidInputError || error instanceof UsageError)
    throw error;
  return error instanceof StoreUnavailableError
    ? { finding: problem('Unreachable', error.message, error.hint ?? HINTS.unreachable), outcome: 'unreachable' }
    : { finding: problem('Refused', error.message, error.hint ?? HINTS.refused), outcome: 'refused' };
}

/** What a probe found that is why the store could not be used: said once. */
const EXPLAINS = new Set(['IsReplica', 'IsSentinel', 'ClusterDown', 'ReadDenied']);

const HINTS = {
  unreachable: 'does it run, and is it reachable from here?',
  refused: 'compare the address, the login and what is in the store',
};

function isOk(findings: readonly CheckFinding[]): boolean {
  return findings.every(({ severity }) => severity !== 'error');
}

async function look(
  store: Store,
  { clock }: CheckComponents,
  init: CheckInit,
  manner: 'alone' | 'beside a probe',
): Promise<Pick<CheckedStore, 'findings' | 'contents' | 'latency'>> {
  const dump = dumpStore(await readContents(store, { name: '', only: [], known: membersOf(init) }), init);
  const contents = contentFacts(dump);
  const findings = checkContents(dump);
  if (manner !== 'alone') return { findings, contents };
  const written = init.cluster === undefined ? [] : await tryToWrite(store, init.cluster);
  const latency = await latencyOf(store, clock);
  return { findings: [...findings, ...written, ...checkPace(latency)], contents, latency };
}

function membersOf({ known }: DumpInit): readonly ClusterId[] {
  return known?.members.map(({ cluster }) => cluster) ?? [];
}

function contentFacts({ roster, clusters }: StoreDump): ContentFacts {
  const records = clusters.map(({ records: kinds }) => Object.values(kinds).reduce((sum, count) => sum + count, 0));
  return {
    rosterVersion: roster.version,
    clusters: clusters.length,
    records: records.reduce((sum, count) => sum + count, 0),
    bytes: clusters.reduce((sum, { bytes }) => sum + bytes, 0),
  };
}

const PROBE_LEASE_MS = 1_000;

/** A lease of its own, given back at once: the lightest thing that a site may write. */
async function tryToWrite(store: Store, cluster: ClusterId): Promise<readonly CheckFinding[]> {
  const name = `${cluster}/store-check`;
  try {
    await store.lease.acquire(name, 'isthmus store check', PROBE_LEASE_MS);
    await store.lease.release(name, 'isthmus store check');
    return [];
  } catch (error) {
    if (!(error instanceof IsthmusError)) throw error;
    const hint = error.hint ?? `log in as ${cluster}`;
    return [problem('WriteDenied', `${cluster} cannot write its own: ${error.message}`, hint)];
  }
}

const ROUNDS = 50;
/** As for a Redis: a quarter of the time that a command is given. */
const SLOW_P99_MS = 500;

async function latencyOf(store: Store, clock: Clock): Promise<LatencyFacts> {
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const startedMs = clock.monotonicMs();
    await store.roster();
    times.push(Math.round((clock.monotonicMs() - startedMs) * 100) / 100);
  }
  times.sort((left, right) => left - right);
  return { pingP50Ms: times[ROUNDS / 2] ?? 0, pingP99Ms: times.at(-1) ?? 0 };
}

function checkPace({ pingP99Ms }: LatencyFacts): readonly CheckFinding[] {
  if (pingP99Ms < SLOW_P99_MS) return [];
  const message = `one read in fifty takes ${Math.round(pingP99Ms)} ms, and a call fails after 2,000 ms`;
  return [warning('Slow', message, 'look for a busy disk or machine, or a long way')];
}
