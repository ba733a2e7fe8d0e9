import type { Clock } from '../../../runtime/clock.ts';
import {
  type ClusterStateFacts,
  type LatencyFacts,
  type NodeFacts,
  nodeFactsOf,
  parseInfo,
  type RedisFacts,
  type RedisMode,
  type Right,
  type RightFacts,
  type SentinelFacts,
} from './check-facts.ts';

/**
 * Finds out about a Redis or Valkey store by asking it, without changing anything of anybody: what may not be done is tried
 * by commands that a server refuses for their form *after* it has looked at the rights (`SET key x NX XX`), and the one
 * key that is really written is a probe under the own name, gone by itself after seconds.
 */
export type Reply = string | number | readonly Reply[] | undefined;

/** An error reply is an answer too. A connection that fails is an exception. */
export type Answer = { readonly ok: true; readonly value: Reply } | { readonly ok: false; readonly error: string };

export interface ProbedServer {
  /** HOST:PORT */
  readonly place: string;
  ask(...command: readonly string[]): Promise<Answer>;
}

export interface ProbeComponents {
  readonly clock: Clock;
  readonly primaries: readonly ProbedServer[];
  /** Which of them keeps a key. */
  readonly ownerOf: (key: string) => ProbedServer;
  /** One Sentinel, and under which name it knows the primary. */
  readonly sentinel?: { readonly server: ProbedServer; readonly master: string } | undefined;
  /** A connection without a login; absent when none could be made. */
  readonly anonymous?: ProbedServer | undefined;
}

export interface ProbeInit {
  readonly clusterset: string;
  readonly cluster?: string | undefined;
  readonly isAuthority: boolean;
  readonly mode: RedisMode;
  readonly isTls: boolean;
  readonly isLoopback: boolean;
}

export async function probeRedis(components: ProbeComponents, init: ProbeInit): Promise<RedisFacts> {
  const { mode, isTls, isLoopback, cluster, isAuthority, clusterset } = init;
  const first = components.ownerOf(`isthmus:{${clusterset}}:roster`);
  const rights = await probeRights(components, init);
  const [nodes, latency, whoami] = [
    await Promise.all(components.primaries.map((server) => probeNode(server, components.clock))),
    await probeLatency(components, init, rights.writeOwn),
    await first.ask('ACL', 'WHOAMI'),
  ];
  return {
    ...{ mode, isTls, isLoopback, cluster, isAuthority, rights, nodes },
    user: whoami.ok ? String(whoami.value) : 'default',
    writeProblem: await probeWrite(components, init),
    latency: latency,
    clusterState: mode === 'cluster' ? await probeClusterState(first) : undefined,
    sentinel: components.sentinel === undefined ? undefined : await probeSentinel(components.sentinel),
  };
}

/** A cluster of this name was never there: a DNS label, so that no key of another kind is meant. */
const NOBODY = 'isthmus-store-check-nobody';

async function probeRights(components: ProbeComponents, { clusterset, cluster }: ProbeInit): Promise<RightFacts> {
  const { ownerOf, anonymous } = components;
  const roster = `isthmus:{${clusterset}}:roster`;
  const others = `isthmus:{${clusterset}/${NOBODY}}:head`;
  const own = cluster === undefined ? undefined : probeKey(clusterset, cluster);
  const at = (key: string, ...command: readonly string[]): Promise<Right> => rightTo(ownerOf(key), command);
  return {
    readRoster: await at(roster, 'GETRANGE', roster, '0', '0'),
    readOthers: await at(others, 'GETRANGE', others, '0', '0'),
    writeOwn: own === undefined ? 'unknown' : await at(own, ...impossibleSet(own)),
    writeOthers: await at(others, ...impossibleSet(others)),
    writeRoster: await at(roster, ...impossibleSet(roster)),
    readJoins: await at(roster, 'GETRANGE', `isthmus:{${clusterset}}:join:${NOBODY}`, '0', '0'),
    scripting: await at(roster, 'EVAL', 'return 1', '0'),
    flush: await at(roster, 'FLUSHALL', 'NOT-A-MODE'),
    configuration: await at(roster, 'CONFIG', 'GET', 'isthmus-no-such-setting'),
    anonymous: anonymous === undefined ? 'unknown' : await rightTo(anonymous, impossibleSet(others)),
  };
}

/** Never carried out: both conditions together are a syntax error, which is looked for after the rights. */
function impossibleSet(key: string): readonly string[] {
  return ['SET', key, 'x', 'NX', 'XX'];
}

const REFUSED = /^(NOPERM|NOAUTH|WRONGPASS)\b/;

async function rightTo(server: ProbedServer, command: readonly string[]): Promise<Right> {
  const answer = await server.ask(...command);
  return !answer.ok && REFUSED.test(answer.error) ? 'refused' : 'granted';
}

function probeKey(clusterset: string, cluster: string): string {
  return `isthmus:{${clusterset}/${cluster}}:lease:isthmus-store-check`;
}

/** Gone by itself when this process dies before it takes it away. */
const PROBE_LIFE_MS = 10_000;

/** The server's own words when a write that is allowed fails: full, read-only, a disk that fails. */
async function probeWrite({ ownerOf }: ProbeComponents, init: ProbeInit): Promise<string | undefined> {
  if (init.cluster === undefined) return undefined;
  const key = probeKey(init.clusterset, init.cluster);
  const written = await ownerOf(key).ask('SET', key, 'probe', 'PX', String(PROBE_LIFE_MS));
  const removed = written.ok ? await ownerOf(key).ask('DEL', key) : written;
  return removed.ok || REFUSED.test(removed.error) ? undefined : removed.error;
}

async function probeNode(server: ProbedServer, clock: Clock): Promise<NodeFacts> {
  const startedMs = clock.epochMs();
  const time = await server.ask('TIME');
  const halfWayMs = (startedMs + clock.epochMs()) / 2;
  const sections = ['server', 'memory', 'persistence', 'replication'];
  const texts = await Promise.all(sections.map((section) => server.ask('INFO', section)));
  const info = texts.map((answer) => (answer.ok ? String(answer.value) : '')).join('\r\n');
  const serverMs = time.ok && Array.isArray(time.value) ? Number(time.value[0]) * 1_000 : halfWayMs;
  return nodeFactsOf(parseInfo(info), server.place, serverMs - halfWayMs);
}

const PINGS = 100;
const TRANSACTIONS = 30;

async function probeLatency(
  { clock, ownerOf }: ProbeComponents,
  { clusterset, cluster }: ProbeInit,
  mayWrite: Right,
): Promise<LatencyFacts> {
  const server = ownerOf(`isthmus:{${clusterset}}:roster`);
  const pings = await timesOf(PINGS, clock, () => server.ask('PING'));
  const ping = { pingP50Ms: percentile(pings, 0.5), pingP99Ms: percentile(pings, 0.99) };
  if (cluster === undefined || mayWrite !== 'granted') return ping;
  const key = probeKey(clusterset, cluster);
  const owner = ownerOf(key);
  const transactions = await timesOf(TRANSACTIONS, clock, async () => {
    await owner.ask('WATCH', key);
    await owner.ask('MULTI');
    await owner.ask('SET', key, 'probe', 'PX', String(PROBE_LIFE_MS));
    await owner.ask('EXEC');
  });
  return {
    ...ping,
    transactionP50Ms: percentile(transactions, 0.5),
    transactionP99Ms: percentile(transactions, 0.99),
  };
}

async function timesOf(count: number, clock: Clock, work: () => Promise<unknown>): Promise<readonly number[]> {
  const times: number[] = [];
  for (let round = 0; round < count; round += 1) {
    const startedMs = clock.monotonicMs();
    await work();
    times.push(clock.monotonicMs() - startedMs);
  }
  return times.sort((left, right) => left - right);
}

function percentile(sorted: readonly number[], part: number): number {
  const value = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0;
  return Math.round(value * 100) / 100;
}

async function probeClusterState(server: ProbedServer): Promise<ClusterStateFacts | undefined> {
  const answer = await server.ask('CLUSTER', 'INFO');
  if (!answer.ok) return undefined;
  const info = parseInfo(String(answer.value));
  return {
    state: info.get('cluster_state') ?? 'unknown',
    slotsAssigned: Number(info.get('cluster_slots_assigned') ?? 0),
    slotsFailing: Number(info.get('cluster_slots_fail') ?? 0),
  };
}

async function probeSentinel({
  server,
  master,
}: {
  readonly server: ProbedServer;
  readonly master: string;
}): Promise<SentinelFacts | undefined> {
  const answer = await server.ask('SENTINEL', 'MASTER', master);
  if (!answer.ok || !Array.isArray(answer.value)) return undefined;
  const words = answer.value.map(String);
  const field = (name: string): number => Number(words[words.indexOf(name) + 1] ?? 0);
  return {
    sentinels: field('num-other-sentinels') + 1,
    quorum: field('quorum'),
    replicas: field('num-slaves'),
  };
}
