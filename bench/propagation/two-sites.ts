import { join } from 'node:path';
import { askController } from '../../cli/admin-client.ts';
import { STORE_PORT } from '../../demo/federation.ts';
import type { Lab, LabSite } from '../../demo/lab/lab.ts';
import type { LabProcess } from '../../demo/lab/process.ts';
import { CLI } from '../../demo/site.ts';
import { type BenchService, ServicesFolder } from './services.ts';
import { TracedSite } from './traced-site.ts';

/**
 * A store server and the sites `east` and `west`, enrolled as a user enrols them and started again with traced
 * controllers. What is measured runs in seven processes: store server, two controllers, two agents, two Envoys.
 */
const TIMEOUT_MS = 60_000;

export interface TwoSites {
  readonly east: TracedSite;
  readonly west: TracedSite;
}

export async function startTwoSites(
  lab: Lab,
  changing: Readonly<Record<'east' | 'west', readonly BenchService[]>>,
): Promise<TwoSites> {
  const [east, west] = [lab.site('east'), lab.site('west')];
  const services = { east: servicesOf(lab, east, changing.east), west: servicesOf(lab, west, changing.west) };
  const link = await startStore(lab);
  const founder = run(lab, east, 'init', [
    '--cluster',
    'east',
    '--clusterset',
    'bench.example',
    '--dev',
    '--store',
    link,
    '--up',
  ]);
  await founder.untilLogged(/shows it, Ctrl-C ends it/, TIMEOUT_MS);
  const joiner = run(lab, west, 'join', ['--token', await token(lab)]);
  const { code } = await joiner.exited;
  if (code !== 0) throw new Error(`west could not join: ${joiner.logTail()}`);
  await founder.stop();
  return {
    east: await TracedSite.start(lab, east, services.east),
    west: await TracedSite.start(lab, west, services.west),
  };
}

function servicesOf(lab: Lab, host: LabSite, services: readonly BenchService[]): ServicesFolder {
  const path = join(lab.directory, `${host.name}-services`, 'current');
  return new ServicesFolder({ path, endpoint: host.apps[0], services });
}

async function startStore(lab: Lab): Promise<string> {
  const listen = `${lab.storeAddress}:${STORE_PORT}`;
  const args = [CLI, 'store', 'serve', '--state-dir', join(lab.directory, 'store'), '--listen', listen];
  const store = lab.spawn('store', process.execPath, args, { name: 'store' });
  const [link] = await store.untilLogged(/^isthmus:\/\/\S+/m, TIMEOUT_MS);
  return link;
}

async function token(lab: Lab): Promise<string> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      const answer = await askController(join(lab.directory, 'east'), '/v1/tokens?cluster=west', 'POST');
      return (answer as { readonly token: string }).token;
    } catch (error) {
      if (attempt === 100) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

function run(lab: Lab, host: LabSite, command: 'init' | 'join', args: readonly string[]): LabProcess {
  const all = [
    ...[CLI, command, ...args, '--state-dir', join(lab.directory, host.name)],
    ...['--gateway-address', host.wan, '--listen-address', host.wan, '--egress-address', host.lan],
    ...['--services', join(lab.directory, `${host.name}-services`, 'current')],
    ...['--health-listen', 'off', '--metrics-listen', 'off'],
  ];
  return lab.spawn(`${host.name}/gateway`, process.execPath, all, { name: `${host.name}-${command}` });
}
