/** An application process of the demo's services (HTTP, h2c and gRPC, TCP), to be killed like one. */
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

export interface BackendPorts {
  readonly http: number;
  readonly tcp: number;
  readonly h2c: number;
}

const SERVICE = join(import.meta.dirname, '../../demo/services/service.ts');

export class Backend implements AsyncDisposable {
  readonly name: string;
  readonly ports: BackendPorts;
  #child: ChildProcess;

  private constructor(name: string, child: ChildProcess, ports: BackendPorts) {
    this.name = name;
    this.#child = child;
    this.ports = ports;
  }

  static async start(name: string): Promise<Backend> {
    const { child, ports } = await spawnService(name, { http: 0, tcp: 0, h2c: 0 });
    return new Backend(name, child, ports);
  }

  /** SIGKILL; resolves when it is gone. */
  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await ended;
  }

  /** After `kill`, on the same ports. */
  async restart(): Promise<void> {
    this.#child = (await spawnService(this.name, this.ports)).child;
  }

  /** How often each `METHOD PATH` was asked of this process. */
  async counts(): Promise<Readonly<Record<string, number>>> {
    const answer = await fetch(`http://127.0.0.1:${this.ports.http}/counts`);
    // The service's own format.
    return (await answer.json()) as Record<string, number>;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}

async function spawnService(name: string, at: BackendPorts): Promise<{ child: ChildProcess; ports: BackendPorts }> {
  const where = (['http', 'tcp', 'h2c'] as const).flatMap((kind) => [`--${kind}`, `127.0.0.1:${at[kind]}`]);
  const child = spawn(process.execPath, [SERVICE, '--name', name, ...where], { stdio: ['ignore', 'pipe', 'inherit'] });
  const failed = once(child, 'exit').then(([code]) => {
    throw new Error(`backend ${name} ended with ${String(code)}`);
  });
  const ready = once(createInterface({ input: child.stdout }), 'line');
  const line = String((await Promise.race([ready, failed]))[0]);
  failed.catch(() => undefined); // it is killed later, and that is no failure
  const portOf = (kind: keyof BackendPorts): number => Number(new RegExp(`${kind}=(\\d+)`).exec(line)?.[1]);
  return { child, ports: { http: portOf('http'), tcp: portOf('tcp'), h2c: portOf('h2c') } };
}
