import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { ClusterItem } from '../controller/views/clusters.ts';
import type { ListObject } from '../controller/views/objects.ts';
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

  /** @param program `bin/isthmus` of another version; default: this one's */
  constructor(args: readonly string[], program: string = BINARY) {
    this.child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
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

const startedBy = new WeakMap<TestContext, readonly Running[]>();

/** Ended with the test, when it has not ended by itself. */
export function start(t: TestContext, args: readonly string[]): Running {
  const running = new Running(args);
  startedBy.set(t, [...(startedBy.get(t) ?? []), running]);
  t.after(() => running.end('SIGKILL'));
  return running;
}

export function isthmus(t: TestContext, args: readonly string[]): Promise<Outcome> {
  return start(t, args).exited;
}

export async function folderOf(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'isthmus-'));
  t.after(async () => {
    // Hooks run in the order of their making, and one that fails ends the others: what still runs would go on writing there.
    await Promise.all((startedBy.get(t) ?? []).map((running) => running.end('SIGKILL')));
    await rm(folder, { recursive: true, force: true });
  });
  return folder;
}

export async function until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + WAIT_MS;
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error(`still waiting for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** How the controller of `stateDir` sees a cluster; undefined while it does not answer. */
export async function livenessOf(stateDir: string, cluster: string): Promise<string | undefined> {
  const answer = await askController(stateDir, '/v1/clusters').catch(() => undefined);
  // The controller is this program in another process.
  const list = answer as ListObject<'Cluster', ClusterItem> | undefined;
  return list?.items.find(({ metadata }) => metadata.name === cluster)?.status.liveness;
}

/** A port of the loopback that nobody had a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  // A TCP server's address is an object.
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

const QUIET = ['--health-listen', 'off', '--metrics-listen', 'off', '--listen-address', '127.0.0.1'];

export function initArguments(stateDir: string, storePort: number, more: readonly string[] = []): readonly string[] {
  return [
    ...['init', '--clusterset', 'prod.example.org', '--cluster', 'east', '--dev', '--state-dir', stateDir],
    ...['--gateway-address', '127.0.0.1', '--store-listen', `127.0.0.1:${storePort}`, ...QUIET, ...more],
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
