import { createInterface } from 'node:readline';
import { join } from 'node:path';
import type { Lab, LabSite } from '../../demo/lab/lab.ts';
import { CLI } from '../../demo/site.ts';
import type { Note } from './trace.ts';
import type { ServicesFolder } from './services.ts';

/** A running site: its traced controller, its gateway agent and Envoy, all processes of their own. */
const CONTROLLER = join(import.meta.dirname, 'traced-controller.ts');
const START_TIMEOUT_MS = 30_000;

export class TracedSite {
  readonly name: string;
  readonly services: ServicesFolder;
  readonly #listeners = new Set<(note: Note) => void>();

  private constructor(init: { name: string; services: ServicesFolder }) {
    this.name = init.name;
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
    createInterface({ input: controller.child.stdout }).on('line', (line) => site.#heard(line));
    await ready.catch(() => {
      throw new Error(`the controller of ${host.name} is not ready: ${controller.logTail()}`);
    });
    const args = [CLI, 'gateway', 'run', '--state-dir', stateDir];
    const gateway = lab.spawn(`${host.name}/gateway`, process.execPath, args, { name: `${host.name}-gateway` });
    await gateway.untilLogged(/gateway serves/, START_TIMEOUT_MS);
    return site;
  }

  /** @returns a function that ends the listening */
  onNote(listener: (note: Note) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Resolves with what `find` makes of the first note that it takes. */
  until<T>(find: (note: Note) => T | undefined, timeoutMs: number): Promise<T> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        stop();
        reject(new Error(`${this.name} did not say what was waited for in ${timeoutMs} ms`));
      }, timeoutMs);
      const stop = this.onNote((note) => {
        const found = find(note);
        if (found === undefined) return;
        clearTimeout(timer);
        stop();
        resolve(found);
      });
    });
  }

  #heard(line: string): void {
    // The controller is this program in another process.
    const note = JSON.parse(line) as Note;
    for (const listener of this.#listeners) listener(note);
  }
}
