import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { commitOf, EAST, headOf, hintThat, orderOf } from '../federation/store/conformance/rig.fixture.ts';
import type { Hint, Store } from '../federation/store/contract.ts';
import { EmbeddedStore } from '../federation/store/embedded.ts';
import { MemoryShelf, MemoryStore } from '../federation/store/memory.ts';
import { parseRedisAddress } from '../federation/store/redis/address.ts';
import { RedisStore } from '../federation/store/redis/store.ts';
import { startTestServer, testComponents } from '../federation/store/remote/server.fixture.ts';
import { installedPrograms } from '../tests/redis/programs.ts';
import { startServer } from '../tests/redis/server.ts';

/**
 * How long a commit takes, how long until another reader has the hint of it, and how long until it has the delta: the
 * store's share of the way from a change in one cluster to the gateways of another. Two handles of one file, two clients
 * of one store server, Valkey or Redis, all on this machine; the in-memory store is the floor, which is this program's own cost.
 *
 *     node bench/store.ts [COMMITS]
 */
const COMMITS = Number(process.argv[2] ?? '500');
/** Thrown away: compiling, first pages, TLS. */
const WARM_UP = 50;
/** A clusterset's cluster of 1,000 services, of which each commit changes one. */
const RECORDS = 1_000;
const RECORD_BYTES = 600;

interface Pair {
  readonly name: string;
  readonly writer: Store;
  readonly reader: Store;
}

interface Figures {
  readonly store: string;
  readonly commitMs: Quantiles;
  readonly hintMs: Quantiles;
  readonly deltaMs: Quantiles;
  readonly beatMs: Quantiles;
}

interface Quantiles {
  readonly p50: number;
  readonly p99: number;
}

async function measure({ name, writer, reader }: Pair): Promise<Figures> {
  const watching = new AbortController();
  const hints = reader.watch(watching.signal)[Symbol.asyncIterator]();
  const value = 'x'.repeat(RECORD_BYTES);
  const all = Array.from({ length: RECORDS }, (_, index) => [`service/shop/s-${index}`, value] as const);
  await writer.commit(commitOf(EAST, { version: 1 }, Object.fromEntries(all)));
  const samples = { commit: [] as number[], hint: [] as number[], delta: [] as number[], beat: [] as number[] };
  for (let version = 2; version < COMMITS + WARM_UP + 2; version += 1) {
    const sample = await oneChange({ writer, reader, hints }, version);
    if (version < WARM_UP + 2) continue;
    samples.commit.push(sample.commit);
    samples.hint.push(sample.hint);
    samples.delta.push(sample.delta);
    samples.beat.push(sample.beat);
  }
  watching.abort();
  return {
    store: name,
    commitMs: quantiles(samples.commit),
    hintMs: quantiles(samples.hint),
    deltaMs: quantiles(samples.delta),
    beatMs: quantiles(samples.beat),
  };
}

async function oneChange(
  { writer, reader, hints }: { writer: Store; reader: Store; hints: AsyncIterator<Hint> },
  version: number,
): Promise<{ commit: number; hint: number; delta: number; beat: number }> {
  const commit = commitOf(EAST, { version }, { [`service/shop/s-${version % RECORDS}`]: `${version}` });
  const startMs = performance.now();
  const hinted = hintThat(hints, (hint) => hint.kind === 'cluster' && hint.head?.order.version === version);
  const committed = writer.commit(commit).then(() => performance.now());
  await hinted;
  const hintedMs = performance.now();
  const changes = await reader.changes(EAST, orderOf({ version: version - 1 }));
  const readMs = performance.now();
  if (changes.kind === 'gone' || changes.puts.size !== 1) throw new Error(`no delta for version ${version}`);
  const committedMs = await committed;
  const beatStartMs = performance.now();
  await writer.beat(EAST, headOf({ version, beat: 1 }));
  const beat = performance.now() - beatStartMs;
  return { commit: committedMs - startMs, hint: hintedMs - startMs, delta: readMs - startMs, beat };
}

function quantiles(samples: readonly number[]): Quantiles {
  const sorted = samples.toSorted((left, right) => left - right);
  const at = (share: number): number => Number((sorted[Math.floor((sorted.length - 1) * share)] ?? 0).toFixed(3));
  return { p50: at(0.5), p99: at(0.99) };
}

async function run(): Promise<Figures[]> {
  await using owned = new AsyncDisposableStack();
  const components = testComponents();
  const folder = await mkdtemp(join(tmpdir(), 'isthmus-bench-'));
  owned.defer(() => rm(folder, { recursive: true }));
  const path = join(folder, 'store.db');
  const server = owned.use(await startTestServer());
  const shelf = new MemoryShelf();
  const pairs: Pair[] = [
    {
      name: 'memory (floor)',
      writer: owned.use(new MemoryStore(components, { shelf })),
      reader: owned.use(new MemoryStore(components, { shelf })),
    },
    {
      name: 'embedded',
      writer: owned.use(await EmbeddedStore.open(components, { path })),
      reader: owned.use(await EmbeddedStore.open(components, { path })),
    },
    { name: 'store server', writer: server.client(EAST), reader: server.client(EAST) },
  ];
  for (const program of installedPrograms('latency of a store')) {
    const { url } = owned.use(await startServer({ program }));
    const init = { address: parseRedisAddress(url), clusterset: 'bench.example' };
    const [writer, reader] = [new RedisStore(components, init), new RedisStore(components, init)];
    pairs.push({ name: program, writer: owned.use(writer), reader: owned.use(reader) });
  }
  const figures: Figures[] = [];
  for (const pair of pairs) figures.push(await measure(pair));
  return figures;
}

const figures = await run();
const column = ({ p50, p99 }: Quantiles): string => `${p50.toFixed(2)} / ${p99.toFixed(2)}`.padStart(16);
console.log(`ms, p50 / p99 of ${COMMITS} changes of one record among ${RECORDS}`);
console.log(`${''.padEnd(16)}${['commit', 'hint', 'delta', 'beat'].map((name) => name.padStart(16)).join('')}`);
for (const { store, commitMs, hintMs, deltaMs, beatMs } of figures) {
  console.log(store.padEnd(16) + [commitMs, hintMs, deltaMs, beatMs].map(column).join(''));
}
console.log(JSON.stringify({ bench: 'store', commits: COMMITS, figures }));
