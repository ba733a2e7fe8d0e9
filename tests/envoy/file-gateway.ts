/**
 * A real Envoy that runs one site's snapshots from files. Started and stopped by pid; everything it writes is in one
 * temporary folder that goes with it.
 */
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import { AdminClient } from '../../gateway-config/agent/admin-client.ts';
import { bootstrapJson } from '../../gateway-config/agent/bootstrap.ts';
import { findEnvoy } from '../../gateway-config/agent/envoy-binary.ts';
import type { VoidToken } from '../../gateway-config/ir.ts';
import type { Snapshot } from '../../gateway-config/snapshot.ts';
import type { TestLeaf } from './certificates.ts';
import type { FileXdsOptions } from './file-xds.ts';
import { FileXds, isObject } from './file-xds.ts';
import { waitFor } from './wait.ts';

export interface FileGatewayInit extends FileXdsOptions {
  readonly cluster: string;
  readonly leaf: TestLeaf;
  readonly voidToken: VoidToken;
  readonly snapshot: Snapshot;
  /** Worker threads. Default 1. */
  readonly concurrency?: number;
}

const STOP_GRACE_MS = 5_000;

export class FileGateway implements AsyncDisposable {
  readonly admin: AdminClient;
  readonly xds: FileXds;
  readonly #folder: string;
  readonly #init: FileGatewayInit;
  #child: ChildProcess | undefined;

  private constructor(init: FileGatewayInit) {
    this.#init = init;
    this.#folder = mkdtempSync(join(tmpdir(), 'isthmus-envoy-'));
    this.xds = new FileXds(this.#folder, init);
    this.xds.setOwnLeaf(init.leaf);
    this.xds.apply(init.snapshot);
    this.admin = new AdminClient({ socketPath: this.#adminSocket });
    writeFileSync(this.#bootstrapPath, this.#bootstrap(), { mode: 0o600 });
  }

  /** Resolves when Envoy says LIVE. */
  static async start(init: FileGatewayInit): Promise<FileGateway> {
    const gateway = new FileGateway(init);
    try {
      await gateway.restart();
      return gateway;
    } catch (error) {
      await gateway[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** After `kill` or `stop`. */
  async restart(): Promise<void> {
    const stdout = openSync(this.accessLogPath, 'a');
    const stderr = openSync(this.logPath, 'a');
    const child = spawn(findEnvoy({ env: process.env }), this.#arguments(), { stdio: ['ignore', stdout, stderr] });
    closeSync(stdout);
    closeSync(stderr);
    this.#child = child;
    await waitFor('envoy is live', async () => {
      if (child.exitCode !== null) throw new Error(`envoy ended: ${this.log().slice(-3_000)}`);
      return (await this.admin.state()) === 'LIVE';
    });
  }

  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  async stop(): Promise<void> {
    await this.#end('SIGTERM');
  }

  /** Writes the snapshot, and waits until Envoy has taken it over. */
  async apply(snapshot: Snapshot): Promise<void> {
    const before = await this.updates();
    this.xds.apply(snapshot);
    await waitFor('envoy has read the files', async () => (await this.updates()) > before);
  }

  /** Successful and refused updates of any kind, together: grows when Envoy has read something. */
  async updates(): Promise<number> {
    const stats = await this.stats('update_(success|rejected)$');
    return Object.values(stats).reduce((sum, value) => sum + value, 0);
  }

  async stats(filter: string): Promise<Record<string, number>> {
    const text = (await this.admin.get(`/stats?filter=${encodeURIComponent(filter)}`)).toString('utf8');
    const lines = text.split('\n').filter((line) => /: \d+$/.test(line));
    return Object.fromEntries(
      lines.map((line) => [line.slice(0, line.lastIndexOf(':')), Number(line.slice(line.lastIndexOf(':') + 1))]),
    );
  }

  /** The sections of `/config_dump`, endpoints included. */
  async configDump(): Promise<readonly JsonObject[]> {
    const dump: JsonValue = JSON.parse((await this.admin.get('/config_dump?include_eds')).toString('utf8'));
    const configs = isObject(dump) ? dump['configs'] : undefined;
    return Array.isArray(configs) ? configs.filter(isObject) : [];
  }

  /** Access log lines so far, after a flush. */
  async accessLog(): Promise<readonly JsonObject[]> {
    await this.admin.post('/reopen_logs');
    const lines = readFileSync(this.accessLogPath, 'utf8').split('\n');
    return lines.flatMap((line): JsonObject[] => {
      if (!line.startsWith('{') || !line.endsWith('}')) return [];
      const entry: JsonValue = JSON.parse(line);
      return isObject(entry) ? [entry] : [];
    });
  }

  log(): string {
    return readFileSync(this.logPath, 'utf8');
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  get logPath(): string {
    return join(this.#folder, 'envoy.log');
  }

  get accessLogPath(): string {
    return join(this.#folder, 'access.log');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  get #adminSocket(): string {
    return join(this.#folder, 'admin.sock');
  }

  get #bootstrapPath(): string {
    return join(this.#folder, 'bootstrap.json');
  }

  #bootstrap(): string {
    const product: JsonValue = JSON.parse(
      bootstrapJson({
        gateway: `${this.#init.cluster}-test`,
        cluster: this.#init.cluster,
        gatewaySet: 'default',
        network: 'test',
        agentSocket: join(this.#folder, 'unused.sock'),
        adminSocket: this.#adminSocket,
        voidToken: this.#init.voidToken,
      }),
    );
    if (!isObject(product)) throw new TypeError('a bootstrap is an object');
    const source = (path: string): JsonObject => ({ resourceApiVersion: 'V3', pathConfigSource: { path } });
    const dynamicResources = { ldsConfig: source(this.xds.ldsPath), cdsConfig: source(this.xds.cdsPath) };
    return JSON.stringify({ ...product, dynamicResources });
  }

  #arguments(): string[] {
    return [
      '-c',
      this.#bootstrapPath,
      '--use-dynamic-base-id',
      '--concurrency',
      String(this.#init.concurrency ?? 1),
      '--drain-time-s',
      '2',
      '--file-flush-interval-msec',
      '50',
      '--log-level',
      'warning',
    ];
  }

  async #end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill(signal);
    const force = setTimeout(() => child.kill('SIGKILL'), STOP_GRACE_MS);
    await ended;
    clearTimeout(force);
    // A killed Envoy leaves its socket, and the next could not bind it.
    rmSync(this.#adminSocket, { force: true });
  }
}
