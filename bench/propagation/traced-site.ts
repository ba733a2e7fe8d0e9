import { createInterface } from 'node:readline';
import { join } from 'node:path';
import type { Lab, LabSite } from '../../demo/lab/lab.ts';
import { CLI } from '../../demo/site.ts';
import { Notes } from './noting.ts';
import type { ServicesFolder } from './services.ts';

/** A running site: its traced controller, its gateway agent and Envoy, all processes of their own. */
const CONTROLLER = join(import.meta.dirname, 'traced-controller.ts');
const START_TIMEOUT_MS = 30_000;

export class TracedSite extends Notes {
  readonly firstStep = 'file watch';
  readonly services: ServicesFolder;

  private constructor(init: { name: string; services: ServicesFolder }) {
    super(init.name);
    this.services = init.services;
  }

  /** Runs a site that was enrolled before. */
  static async start(lab: Lab, host: LabSite, services: ServicesFolder): Promise<TracedSite> {
    const site = new TracedSite({ name: host.name, services });
    const stateDir = join(lab.directory, host.name);
    const ready = site.until((note) => (note.is === 'ready' ? note : undefined), START_TIMEOUT_MS);
    const controller = lab.spawn(`${host.name}/gateway`, process.execPath, [CONTROLLER, stateDir], {
      name: `${host.name}-controller`,
      stdout: 'pipe',
    });
    if (controller.child.stdout === null) throw new Error('a traced controller has no standard output');
    createInterface({ input: controller.child.stdout }).on('line', (line) => site.heard(line));
    await ready.catch(() => {
      throw new Error(`the controller of ${host.name} is not ready: ${controller.logTail()}`);
    });
    const args = [CLI, 'gateway', 'run', '--state-dir', stateDir];
    const gateway = lab.spawn(`${host.name}/gateway`, process.execPath, args, { name: `${host.name}-gateway` });
    await gateway.untilLogged(/gateway serves/, START_TIMEOUT_MS);
    return site;
  }
}
