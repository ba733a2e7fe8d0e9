import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { askController } from './admin-client.ts';

/** The program as real processes on loopback: what a user types, and what a crash does. */
const BINARY = fileURLToPath(new URL('../bin/isthmus', import.meta.url));
const WAIT_MS = 20_000;
const POLL_MS = 20;

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export class Running {
  readonly child: ChildProcess;
  readonly exited: Promise<Outcome>;
  #output = '';

  constructor(args: readonly string[]) {
    this.child = spawn(BINARY, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    this.child.stdout?.on('data', (chunk: Buffer) => {
      stdout += chunk.toString();
      this.#output += chunk.toString();
    });
    this.child.stderr?.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
      this.#output += chunk.toString();
    });
    this.exited = once(this.child, 'close').then(([code]) => ({ code: code as number | null, stdout, stderr }));
  }

  /** Both streams so far. */
  get output(): string {
    return this.#output;
  }

  async untilSaid(pattern: RegExp): Promise<void> {
    await until(`${pattern.source} in ${this.child.spawnargs.join(' ')}`, () => pattern.test(this.#output));
  }

  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<Outcome> {
    this.child.kill(signal);
    return this.exited;
  }
}

/** Ended with the test, when it has not ended by itself. */
export function start(t: TestContext, args: readonly string[]): Running {
  const running = new Running(args);
  t.after(() => running.end('SIGKILL'));
  return running;
}

export function isthmus(t: TestContext, args: readonly string[]): Promise<Outcome> {
  return start(t, args).exited;
}

export async function folderOf(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'isthmus-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

export async function until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + WAIT_MS;
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error(`still waiting for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** The named cluster's verdict as the controller of `stateDir` sees it; undefined while nothing answers. */
export async function verdictOn(stateDir: string, cluster: string): Promise<string | undefined> {
  const items = await askController(stateDir, '/v1/clusters').catch(() => undefined);
  // The controller is this program in another process.
  const list = items as { items: { metadata: { name: string }; status: { verdict?: string; liveness?: string } }[] };
  const found = list?.items.find(({ metadata }) => metadata.name === cluster);
  return found === undefined ? undefined : JSON.stringify(found.status);
}

const QUIET = ['--health-listen', 'off', '--metrics-listen', 'off', '--listen-address', '127.0.0.1'];

export function initArguments(stateDir: string, more: readonly string[] = []): readonly string[] {
  return [
    ...['init', '--clusterset', 'prod.example.org', '--cluster', 'east', '--dev', '--state-dir', stateDir],
    ...['--gateway-address', '127.0.0.1', '--store-listen', '127.0.0.1:0', ...QUIET, ...more],
  ];
}

export function joinArguments(stateDir: string, token: string, more: readonly string[] = []): readonly string[] {
  return ['join', '--token', token, '--state-dir', stateDir, '--gateway-address', '127.0.0.2', ...QUIET, ...more];
}

export async function startController(t: TestContext, stateDir: string): Promise<Running> {
  const controller = start(t, ['controller', '--state-dir', stateDir]);
  await controller.untilSaid(/controller serves/);
  return controller;
}
