/** Runs what an administrator types against an API server of the tests: `isthmus`, `helm` and `kubectl`. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { kubeCommand } from '../program.ts';
import type { KubeServer } from '../server.ts';

const ROOT = resolve(import.meta.dirname, '../../..');
const ISTHMUS = resolve(ROOT, 'bin/isthmus');
const HELM = resolve(ROOT, '.tools/helm/bin/helm');
export const CHART = resolve(ROOT, 'deploy/chart');
export const hasHelm = existsSync(HELM);

export interface Said {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** An administrator of one cluster, with the kubeconfig in the environment as people have it. */
export class Admin {
  readonly #server: KubeServer;

  constructor(server: KubeServer) {
    this.#server = server;
  }

  isthmus(args: readonly string[], input = ''): Promise<Said> {
    return this.#run([ISTHMUS, ...args], input);
  }

  /** @throws Error with what it said, when it failed */
  async kubectl(args: readonly string[], input = ''): Promise<string> {
    return succeeded(await this.#run([...kubeCommand('kubectl'), ...args], input));
  }

  /** @throws Error with what it said, when it failed */
  async helm(args: readonly string[], input = ''): Promise<string> {
    return succeeded(await this.#run([HELM, ...args], input));
  }

  async #run([program = '', ...args]: readonly string[], input: string): Promise<Said> {
    // Helm and kubectl keep caches in HOME: the server's folder, which goes with it.
    const env = { ...process.env, KUBECONFIG: this.#server.kubeconfig, HOME: this.#server.dir };
    const child = spawn(program, args, { env, stdio: ['pipe', 'pipe', 'pipe'] });
    child.stdin.on('error', () => undefined); // whoever does not read it has ended
    child.stdin.end(input);
    const closed = new Promise<number | null>((ended, failed) => {
      child.once('error', failed);
      child.once('close', ended);
    });
    const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), closed]);
    return { code, stdout, stderr };
  }
}

function succeeded({ code, stdout, stderr }: Said): string {
  if (code !== 0) throw new Error(`ended with ${code}: ${stderr}`);
  return stdout;
}
