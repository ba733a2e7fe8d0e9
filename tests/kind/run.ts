/**
 * Brings topologies up as kind clusters, runs the scenarios in each, tells what they cost, and takes all down again.
 *
 *     node tests/kind/run.ts TOPOLOGY... [--scenario NAME]... [--json FILE]
 *     node tests/kind/run.ts TOPOLOGY... --up      the clusters alone, for development
 *     node tests/kind/run.ts TOPOLOGY... --down    takes away what was kept
 *
 * KEEP=1 keeps the clusters; KIND_NODE_IMAGE, KIND_NODE_ARCHIVE: the node image; ISTHMUS_KIND_ENTER: words put before every
 * command, where the Docker engine has a network of its own.
 */
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { errorText } from '../../runtime/errors.ts';
import { loadNamedTopology, namedTopologies } from '../../topologies/load.ts';
import { Commands } from './commands.ts';
import { forwardZone } from './dns.ts';
import { KindCluster } from './kind-cluster.ts';
import { kindName, LinkedClusters } from './linked-clusters.ts';
import { nodeImage } from './node-image.ts';
import { type Cell, tableOf } from './results.ts';
import type { Scenario, Stage } from './scenario.ts';
import { SCENARIOS } from './scenarios/all.ts';
import { Wires } from './wires.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    scenario: { type: 'string', multiple: true },
    json: { type: 'string' },
    up: { type: 'boolean' },
    down: { type: 'boolean' },
  },
});

/** Of Isthmus and of the nodes: the same for all topologies. */
interface Images {
  readonly archive: string;
  readonly image: string;
  readonly nodeImage: string;
}

async function buildImages(commands: Commands): Promise<Images> {
  const printed = await commands.run(process.execPath, [join(ROOT, 'deploy/image/build.ts')]);
  const [archive = '', named = ''] = printed.trim().split('\n');
  const [image = ''] = named.split(' ');
  return { archive, image, nodeImage: await nodeImage(commands, process.env) };
}

async function runScenario(stage: Stage, topology: string, scenario: Scenario): Promise<Cell> {
  const cell = { topology, scenario: scenario.name };
  const reason = scenario.notIn?.(topology);
  if (reason !== undefined) return { ...cell, verdict: 'not run', seconds: 0, reason };
  const startedMs = performance.now();
  const seconds = (): number => (performance.now() - startedMs) / 1_000;
  stage.onStep(`${scenario.name}: ${scenario.promise}`);
  try {
    const outcome = await scenario.run(stage);
    return { ...cell, verdict: 'pass', seconds: seconds(), outcome };
  } catch (error) {
    return { ...cell, verdict: 'fail', seconds: seconds(), reason: errorText(error) };
  }
}

async function takeDown(name: string, commands: Commands): Promise<void> {
  const topology = await loadNamedTopology(name);
  for (const cluster of topology.spec.clusters) await KindCluster.remove(commands, kindName(topology, cluster));
  await Wires.remove(commands, topology);
}

async function runTopology(name: string, run: Run, images: Images): Promise<readonly Cell[]> {
  const { folder, commands } = run;
  const onStep = (text: string): void => run.onStep(`${name}: ${text}`);
  const topology = await loadNamedTopology(name);
  const program = join(ROOT, 'bin/isthmus');
  await using linked = await LinkedClusters.start(commands, { topology, folder, onStep, program, ...images });
  if (process.env['KEEP'] === '1' || values.up === true) {
    linked.keep();
    for (const { plan, kind } of linked.clusters)
      onStep(`cluster ${plan.name}: kubectl --kubeconfig ${kind.kubeconfig}`);
  }
  await Promise.all(linked.clusters.map(({ kind }) => forwardZone(kind)));
  onStep('the clusters answer for clusterset.local');
  if (values.up === true) return [];
  const wanted = SCENARIOS.filter(({ name: one }) => values.scenario?.includes(one) ?? true);
  const cells: Cell[] = [];
  for (const scenario of wanted) cells.push(await runScenario({ linked, image: images.image, onStep }, name, scenario));
  return cells;
}

/** What all topologies of one invocation share. */
interface Run {
  readonly folder: string;
  readonly commands: Commands;
  readonly onStep: (text: string) => void;
}

async function begin(): Promise<Run> {
  const folder = await mkdtemp(join(tmpdir(), 'isthmus-kind-'));
  const startedMs = performance.now();
  const onStep = (text: string): void => {
    console.log(`${((performance.now() - startedMs) / 1_000).toFixed(1).padStart(6)} s  ${text}`);
  };
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort(new Error(signal)));
  const enter = (process.env['ISTHMUS_KIND_ENTER'] ?? '').split(' ').filter((word) => word !== '');
  const logFile = join(folder, 'commands.log');
  onStep(`commands and their output: ${logFile}`);
  return { folder, onStep, commands: new Commands({ logFile, signal: stop.signal, enter }) };
}

async function runAll(names: readonly string[], run: Run): Promise<readonly Cell[]> {
  const images = await buildImages(run.commands);
  const cells: Cell[] = [];
  for (const topology of names) {
    try {
      cells.push(...(await runTopology(topology, run, images)));
    } catch (error) {
      run.onStep(`${topology}: ${errorText(error)}`);
      cells.push({ topology, scenario: 'set-up', verdict: 'fail', seconds: 0, reason: errorText(error) });
    }
  }
  return cells;
}

const known = SCENARIOS.map(({ name }) => name);
const unknown = values.scenario?.filter((name) => !known.includes(name)) ?? [];
if (positionals.length === 0 || unknown.length > 0) {
  const what = unknown.length > 0 ? `no scenario ${unknown.join(', ')}` : 'no topology is named';
  console.error(`error: ${what}; topologies: ${(await namedTopologies()).join(', ')}; scenarios: ${known.join(', ')}`);
  process.exitCode = 2;
} else {
  const run = await begin();
  if (values.down === true) for (const name of positionals) await takeDown(name, run.commands);
  else {
    const cells = await runAll(positionals, run);
    if (values.up !== true) console.log(`\n${tableOf(cells)}`);
    if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(cells, undefined, 2)}\n`);
    if (cells.some(({ verdict }) => verdict === 'fail')) process.exitCode = 1;
  }
}
