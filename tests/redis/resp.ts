/**
 * A client of our own for tests: it speaks RESP2 over a plain or TLS socket and nothing else, so that what a test puts into
 * a server or reads from it never goes through the client library under test. Arguments and replies are bytes.
 */
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { decodeReplies, type Reply, RespError } from './resp-decode.ts';

/** Texts for numbers too, so that a test can compare without knowing which kind a server answers with. */
export type TextReply = string | undefined | TextReply[];
export type Argument = string | number | Uint8Array;

export interface RespTarget {
  readonly port: number;
  readonly host?: string | undefined;
  readonly tls?: { readonly ca: string; readonly cert: string; readonly key: string } | undefined;
  readonly user?: string | undefined;
  readonly password?: string | undefined;
}

interface Waiting {
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: Error) => void;
}

/** A server that does not answer is what some tests want, but not here. */
const REPLY_LIMIT_MS = 15_000;

export class RespClient implements AsyncDisposable {
  readonly #socket: Socket;
  readonly #waiting: Waiting[] = [];
  /** Replies that nobody asked for: pub/sub messages. */
  readonly pushed: Reply[] = [];
  #received: Buffer = Buffer.alloc(0);
  #ended: Error | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('error', (error) => this.#end(error));
    socket.on('close', () => this.#end(new Error('the server closed the connection')));
  }

  static async connect(target: RespTarget): Promise<RespClient> {
    const client = new RespClient(await dial(target));
    if (target.password !== undefined) await client.call('AUTH', target.user ?? 'default', target.password);
    return client;
  }

  get ended(): boolean {
    return this.#ended !== undefined;
  }

  /** The reply with its bytes untouched. @throws RespError for an error reply */
  async callRaw(...args: readonly Argument[]): Promise<Reply> {
    const reply = await this.#send(args);
    if (reply instanceof RespError) throw reply;
    return reply;
  }

  /** The reply as text. @throws RespError for an error reply, also for one inside a reply of EXEC */
  async call(...args: readonly Argument[]): Promise<TextReply> {
    return textOf(await this.callRaw(...args));
  }

  close(): void {
    this.#socket.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }

  async #send(args: readonly Argument[]): Promise<Reply> {
    if (this.#ended !== undefined) throw this.#ended;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#end(new Error(`no reply to ${String(args[0])} in ${REPLY_LIMIT_MS} ms`));
        this.close();
      }, REPLY_LIMIT_MS);
      this.#waiting.push({
        resolve: (reply) => {
          clearTimeout(timer);
          resolve(reply);
        },
        reject: (error) => {
          clearTimeout(timer);
          reject(error);
        },
      });
      this.#socket.write(encodeCommand(args));
    });
  }

  #receive(chunk: Buffer): void {
    const { replies, rest } = decodeReplies(Buffer.concat([this.#received, chunk]));
    this.#received = rest;
    for (const reply of replies) {
      const waiting = this.#waiting.shift();
      if (waiting === undefined) this.pushed.push(reply);
      else waiting.resolve(reply);
    }
  }

  #end(error: Error): void {
    this.#ended ??= error;
    for (const waiting of this.#waiting.splice(0)) waiting.reject(error);
  }
}

function dial({ port, host = '127.0.0.1', tls }: RespTarget): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = tls === undefined ? connectTcp(port, host) : connectTls({ port, host, ...tls });
    socket.once('error', reject);
    socket.once(tls === undefined ? 'connect' : 'secureConnect', () => {
      socket.off('error', reject);
      socket.setNoDelay(true);
      resolve(socket);
    });
  });
}

export function encodeCommand(args: readonly Argument[]): Buffer {
  const parts: Buffer[] = [Buffer.from(`*${args.length}\r\n`)];
  for (const arg of args) {
    const bytes = typeof arg === 'object' ? Buffer.from(arg) : Buffer.from(String(arg));
    parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n'));
  }
  return Buffer.concat(parts);
}

function textOf(reply: Reply): TextReply {
  if (reply instanceof RespError) throw reply;
  if (reply === undefined) return undefined;
  if (typeof reply === 'number') return String(reply);
  if (Buffer.isBuffer(reply)) return reply.toString('utf8');
  return reply.map(textOf);
}
