/**
 * A real Valkey or Redis server for tests: a process on a free port of the loopback, with its files in a temporary folder.
 * It ends with its owner, however that ends: the kernel kills it when the test process dies (setpriv --pdeathsig).
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts } from '../envoy/free-ports.ts';
import type { Program } from './programs.ts';
import { type Argument, RespClient, type RespTarget, type TextReply } from './resp.ts';
import type { Reply } from './resp-decode.ts';
import {
  HARNESS_PASSWORD,
  HARNESS_USER,
  type ServerFiles,
  type ServerInit,
  writeServerFiles,
} from './server-config.ts';
import { PortTakenError, ServerProcess } from './server-process.ts';
import type { KeyPairFiles } from './tls-material.ts';
import { until } from './until.ts';

/** Credentials and query parameters of a store address. */
export interface StoreQuery {
  readonly user?: string;
  readonly password?: string;
  readonly [parameter: string]: string | undefined;
}

/** Another process may take a port between our look and the server's bind. */
const PORT_ATTEMPTS = 10;

export async function startServer(init: ServerInit): Promise<TestServer> {
  const directory = await mkdtemp(join(tmpdir(), 'isthmus-store-'));
  try {
    for (let attempt = 1; ; attempt += 1) {
      const [port = 0, busPort = 0] = await freePorts(2);
      const files = await writeServerFiles(init, { directory, port, busPort });
      try {
        return await TestServer.start(init, files);
      } catch (error) {
        if (!(error instanceof PortTakenError) || attempt === PORT_ATTEMPTS) throw error;
      }
    }
  } catch (error) {
    await rm(directory, { recursive: true, force: true });
    throw error;
  }
}

export class TestServer implements AsyncDisposable {
  readonly program: Program;
  readonly host = '127.0.0.1';
  readonly port: number;
  readonly busPort: number;
  /** Where the server keeps `dump.rdb`, `appendonlydir` and its log. */
  readonly directory: string;
  readonly #init: ServerInit;
  readonly #files: ServerFiles;
  #process: ServerProcess;
  #admin: RespClient | undefined;

  private constructor(init: ServerInit, files: ServerFiles, process: ServerProcess) {
    this.program = init.program;
    this.port = files.port;
    this.busPort = files.busPort;
    this.directory = files.directory;
    this.#init = init;
    this.#files = files;
    this.#process = process;
  }

  static async start(init: ServerInit, files: ServerFiles): Promise<TestServer> {
    const server = new TestServer(init, files, await ServerProcess.spawn(init.program, files));
    try {
      await server.untilReady();
      return server;
    } catch (error) {
      await server.#process.kill();
      throw error;
    }
  }

  get pid(): number {
    return this.#process.pid;
  }

  get running(): boolean {
    return this.#process.running;
  }

  /** What the harness logs in with; absent where everybody may do everything. */
  get admin(): { readonly user: string; readonly password: string } | undefined {
    return this.#init.acl === undefined ? undefined : { user: HARNESS_USER, password: HARNESS_PASSWORD };
  }

  /** A store address without credentials: `redis://127.0.0.1:PORT`, `rediss://127.0.0.1:PORT?ca=...` with TLS. */
  get url(): string {
    return this.urlWith({});
  }

  /** The store address with credentials in it and query parameters behind it; TLS files come by themselves. */
  urlWith({ user = '', password, ...query }: StoreQuery): string {
    const { tls } = this.#init;
    const url = new URL(`${tls === undefined ? 'redis' : 'rediss'}://${this.host}:${this.port}`);
    url.username = user;
    url.password = password ?? '';
    const files: Readonly<Record<string, string>> =
      tls === undefined ? {} : { ca: tls.material.ca, ...clientFiles(tls.material.client, tls.clients) };
    for (const [name, value] of Object.entries({ ...files, ...query })) url.searchParams.set(name, value ?? '');
    return url.href;
  }

  /** One command on the harness's own connection, which may do everything. @throws RespError for an error reply */
  async cli(...args: readonly Argument[]): Promise<TextReply> {
    return (await this.#connection()).call(...args);
  }

  /** The same with the reply's bytes untouched. */
  async cliRaw(...args: readonly Argument[]): Promise<Reply> {
    return (await this.#connection()).callRaw(...args);
  }

  /** One field of INFO. */
  async info(section: string, field: string): Promise<string | undefined> {
    const text = String(await this.cli('INFO', section));
    return new RegExp(`^${field}:(.*)\r?$`, 'm').exec(text)?.[1]?.trim();
  }

  /** A connection of the caller's own, as this ACL user or as the harness. */
  async connect(login: { readonly user?: string; readonly password?: string } = {}): Promise<RespClient> {
    return RespClient.connect({ ...(await this.#target()), ...login });
  }

  /** `kill -9`: nothing is written, connections are reset. */
  async kill(): Promise<void> {
    this.#forgetConnection();
    await this.#process.kill();
  }

  /** SIGSTOP: the kernel still accepts connections and bytes, nothing is ever answered. */
  pause(): void {
    this.#process.signal('SIGSTOP');
  }

  resume(): void {
    this.#process.signal('SIGCONT');
  }

  /** Starts it again at the same port with the data it has on disk. Ready when it resolves. */
  async start(): Promise<void> {
    // Another process may have taken the port meanwhile; it will give it back.
    await until(`port ${this.port} to be free again`, async () => {
      this.#process = await ServerProcess.spawn(this.program, this.#files);
      return true;
    });
    await this.untilReady();
  }

  /** `with-data` saves first (SAVE), `empty` deletes what is on disk. Both end the present process by `kill -9`. */
  async restart(data: 'with-data' | 'empty'): Promise<void> {
    if (data === 'with-data' && this.running) await this.cli('SAVE');
    await this.kill();
    if (data === 'empty') await this.wipe();
    await this.start();
  }

  /** Deletes the data on disk, not in memory. */
  async wipe(): Promise<void> {
    const data = ['dump.rdb', 'appendonlydir', 'nodes.conf'];
    await Promise.all(data.map((name) => rm(join(this.directory, name), { recursive: true, force: true })));
  }

  /** What the server logged, for a failure's message. */
  log(): Promise<string> {
    return this.#process.log();
  }

  async untilReady(): Promise<void> {
    await until(`${this.program} at port ${this.port} to answer`, async () => (await this.cli('PING')) === 'PONG');
    // A sentinel may have made it the primary since.
    await until('a replica to be in step', async () => {
      const isReplica = (await this.info('replication', 'role')) === 'slave';
      return !isReplica || (await this.info('replication', 'master_link_status')) === 'up';
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await rm(this.directory, { recursive: true, force: true });
  }

  async #connection(): Promise<RespClient> {
    if (this.#admin === undefined || this.#admin.ended) this.#admin = await RespClient.connect(await this.#target());
    return this.#admin;
  }

  async #target(): Promise<RespTarget> {
    const { tls } = this.#init;
    return { port: this.port, ...this.admin, ...(tls === undefined ? {} : { tls: await tls.material.read() }) };
  }

  #forgetConnection(): void {
    this.#admin?.close();
    this.#admin = undefined;
  }
}

function clientFiles(client: KeyPairFiles, clients: 'required' | 'optional' | undefined): Record<string, string> {
  return clients === 'optional' ? {} : { cert: client.cert, key: client.key };
}
