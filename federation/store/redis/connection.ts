import type { Socket } from 'node:net';
import { AbstractConnector, Command, Redis } from 'ioredis';
import replyReader from 'ioredis/built/DataHandler.js';
import replyDecoder from 'ioredis/built/resp/decoder.js';
import type { Clock, Timer } from '../../../runtime/clock.ts';
import { errorText } from '../../../runtime/errors.ts';
import { StoreUnavailableError } from '../contract.ts';
import type { RedisAddress, RedisLogin, RedisPlace } from './address.ts';
import { formatRedisPlace } from './address.ts';
import type { Reply, RedisCommand } from './reply.ts';
import { ConnectionLostError, OversizedReplyError, RedisReplyError } from './reply.ts';
import { handshakeErrorOf } from './reply-errors.ts';
import { ReplyFraming } from './reply-framing.ts';
import { dialSocket, readLogin } from './socket.ts';

/**
 * One connection: one attempt, one socket, one client of the library, and nothing that comes back by itself. An answer has
 * a time and a size; what exceeds either ends the connection, because a late answer would be taken for the next one's.
 * The only door to ioredis.
 */
export interface ConnectionInit {
  readonly place: RedisPlace;
  readonly address: RedisAddress;
  /** Default: the address's. */
  readonly login?: RedisLogin | undefined;
  /** Shown in the server's CLIENT LIST. */
  readonly name: string;
}

export interface AnswerLimits {
  /** What the answer to all commands together may take, in octets. */
  readonly bytesMax: number;
  /** To the first octet, and beyond it 1 s more for each MiB. */
  readonly timeoutMs: number;
}

/** A store that hangs must cost its callers no more than this, connection included. */
export const COMMAND_TIMEOUT_MS = 2_000;
/** Slower than this is no link but a trickle. */
const ANSWER_BYTES_PER_MS = (1024 * 1024) / 1000;
export const SMALL_ANSWER: AnswerLimits = { bytesMax: 64 * 1024, timeoutMs: COMMAND_TIMEOUT_MS };
/** The rest of a packet may belong to the next answer already. */
const PACKET_BYTES_MAX = 128 * 1024;
/** A pushed message: a notice with a head in it. */
const PUSHED_BYTES_MAX = 256 * 1024;

interface Waiting extends AnswerLimits {
  readonly ended: (error: unknown) => void;
}

export class RedisConnection {
  /** HOST:PORT */
  readonly place: string;
  /** Called once, with the reason. */
  onClose: (error: unknown) => void = () => undefined;
  onMessage: (message: Buffer) => void = () => undefined;
  readonly #clock: Clock;
  readonly #socket: Socket;
  readonly #client: Redis;
  readonly #waiting: Waiting[] = [];
  #received = 0;
  #sinceMs = 0;
  #timer: Timer | undefined;
  #ended: { readonly reason: unknown } | undefined;

  private constructor(components: { clock: Clock }, init: { place: string; socket: Socket }) {
    this.place = init.place;
    this.#clock = components.clock;
    this.#socket = init.socket;
    this.#client = clientOn(init.socket);
    this.#client.on('error', (error: unknown) => this.#lost(error));
    this.#client.on('messageBuffer', (_channel: Buffer, message: Buffer) => {
      this.#received = 0;
      this.onMessage(message);
    });
    init.socket.on('error', (error) => this.#lost(error));
    init.socket.on('close', () => this.#lost(undefined));
    init.socket.on('data', (chunk: Buffer) => this.#count(chunk.byteLength));
  }

  /** Connected, logged in, on the right database. @throws IsthmusError that says what to do */
  static async open(components: { clock: Clock }, init: ConnectionInit): Promise<RedisConnection> {
    const { address, name } = init;
    const place = formatRedisPlace(init.place);
    const startedMs = components.clock.monotonicMs();
    const login = await readLogin(init.login ?? address.login);
    const socket = await dialSocket(components, { place: init.place, address, timeoutMs: COMMAND_TIMEOUT_MS });
    const connection = new RedisConnection(components, { place, socket });
    try {
      await connection.#client.connect();
      const leftMs = COMMAND_TIMEOUT_MS - (components.clock.monotonicMs() - startedMs);
      const greeting: RedisCommand[] = [];
      if (login.length > 0) greeting.push(['AUTH', ...login]);
      if (address.database !== 0) greeting.push(['SELECT', String(address.database)]);
      greeting.push(['CLIENT', 'SETNAME', name], ['PING']);
      const replies = await connection.call(greeting, { ...SMALL_ANSWER, timeoutMs: Math.max(1, leftMs) });
      for (const [index, reply] of replies.entries()) {
        if (reply instanceof RedisReplyError)
          throw handshakeErrorOf(reply, { place, step: greeting[index]?.[0] ?? '' });
      }
      return connection;
    } catch (error) {
      connection.close();
      throw error instanceof ConnectionLostError ? handshakeErrorOf(error, { place, step: '' }) : error;
    }
  }

  get isOpen(): boolean {
    return this.#ended === undefined;
  }

  /** Nobody waits for an answer on it. */
  get isIdle(): boolean {
    return this.#waiting.length === 0;
  }

  /**
   * One reply for each command, error replies among them. The commands are sent together.
   * @throws ConnectionLostError when the connection ends before the last reply
   */
  async call(commands: readonly RedisCommand[], limits: AnswerLimits = SMALL_ANSWER): Promise<readonly Reply[]> {
    if (this.#ended !== undefined) throw this.#lostError();
    this.#socket.cork();
    const sent = commands.map((command) => this.#send(command));
    this.#socket.uncork();
    let ended: (error: unknown) => void = () => undefined;
    const cut = new Promise<never>((_resolve, reject) => {
      ended = reject;
    });
    const waiting = { ...limits, ended };
    this.#waiting.push(waiting);
    if (this.#waiting.length === 1) this.#awaitNext();
    try {
      return await Promise.race([Promise.all(sent), cut]);
    } catch (error) {
      throw error instanceof ConnectionLostError ? error : this.#lostError();
    } finally {
      this.#answered(waiting);
    }
  }

  /** From now on only messages come, and answers to PING. */
  async subscribe(channel: string): Promise<void> {
    // Lower case: the library tells commands that change the mode of the connection by their names.
    const [reply] = await this.call([['subscribe', channel]]);
    if (reply instanceof RedisReplyError) throw reply;
  }

  close(
    reason: unknown = new ConnectionLostError(`the connection to ${this.place} was closed`, { isOurs: false }),
  ): void {
    if (this.#ended !== undefined) return;
    this.#ended = { reason };
    this.#timer?.cancel();
    this.#socket.destroy();
    this.#client.disconnect();
    for (const waiting of this.#waiting.splice(0)) waiting.ended(reason);
    this.onClose(reason);
  }

  async #send([name, ...args]: RedisCommand): Promise<Reply> {
    const plain = args.map((arg) => (typeof arg === 'string' ? arg : bufferOf(arg)));
    try {
      // The library's type says unknown: a reply of RESP2, decoded with octets as Buffers.
      const reply = (await this.#client.sendCommand(new Command(name, plain, { replyEncoding: null }))) as Reply;
      return name === 'EXEC' && Array.isArray(reply) ? reply.map(asReply) : reply;
    } catch (error) {
      if (isReplyError(error)) return new RedisReplyError(error.message, keyOf(name, plain[0]));
      throw error;
    }
  }

  #awaitNext(): void {
    this.#received = 0;
    this.#sinceMs = this.#clock.monotonicMs();
    const [next] = this.#waiting;
    this.#timer?.cancel();
    this.#timer = next && this.#clock.after(next.timeoutMs, () => this.#late());
  }

  #late(): void {
    const [next] = this.#waiting;
    if (next === undefined) return;
    const allowedMs = next.timeoutMs + this.#received / ANSWER_BYTES_PER_MS;
    const leftMs = this.#sinceMs + allowedMs - this.#clock.monotonicMs();
    if (leftMs > 0) this.#timer = this.#clock.after(leftMs, () => this.#late());
    else
      this.close(
        new ConnectionLostError(`${this.place} does not answer in ${Math.round(allowedMs)} ms`, { isOurs: true }),
      );
  }

  #answered(waiting: Waiting): void {
    if (this.#ended !== undefined) return;
    // The server answers in the order of the questions.
    if (this.#waiting[0] === waiting) this.#waiting.shift();
    this.#awaitNext();
  }

  #count(bytes: number): void {
    this.#received += bytes;
    const bytesMax = this.#waiting[0]?.bytesMax ?? PUSHED_BYTES_MAX;
    if (this.#received <= bytesMax + PACKET_BYTES_MAX) return;
    // Whoever asked for this must not ask again; those behind it in the queue have done nothing wrong.
    this.#waiting.shift()?.ended(new OversizedReplyError(this.place, bytesMax));
    const message = `${this.place} sends more than an answer may have`;
    this.close(new ConnectionLostError(message, { isOurs: false }));
  }

  #lost(error: unknown): void {
    if (this.#ended !== undefined) return;
    const why = error === undefined ? 'closes the connection' : `breaks the connection: ${errorText(error)}`;
    this.close(new ConnectionLostError(`${this.place} ${why}`, { isOurs: false }));
  }

  #lostError(): unknown {
    return (
      this.#ended?.reason ?? new StoreUnavailableError(`the connection to ${this.place} is in no state to be used`)
    );
  }
}

interface ReplyReader {
  readonly redis: { readonly stream: Socket };
}

/**
 * A reply that the library did not expect (a null that nobody asked for, a number where a channel should be) makes it throw
 * into the event loop, which ends the process. A hostile store may end its connection, and no more.
 */
Object.assign(replyReader.default.prototype, {
  dispatch(this: ReplyReader, read: () => void): void {
    try {
      read();
    } catch (error) {
      this.redis.stream.destroy(error instanceof Error ? error : undefined);
    }
  },
});

/** What it throws the library takes for the end of the connection. */
class CheckedDecoder extends replyDecoder.Decoder {
  readonly #framing = new ReplyFraming();

  override write(chunk: Buffer): void {
    this.#framing.read(chunk);
    super.write(chunk);
  }
}
Object.assign(replyDecoder, { Decoder: CheckedDecoder });

/** Nothing of the library that acts by itself: no queue while offline, no second attempt, no questions of its own. */
function clientOn(socket: Socket): Redis {
  class OpenSocket extends AbstractConnector {
    constructor() {
      super(0);
    }
    override async connect(): Promise<Socket> {
      this.stream = socket;
      return socket;
    }
    override disconnect(): void {
      socket.destroy();
    }
  }
  return new Redis({
    Connector: OpenSocket,
    lazyConnect: true,
    protocol: 2,
    disableClientInfo: true,
    enableReadyCheck: false,
    enableOfflineQueue: false,
    autoResubscribe: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  });
}

/** Of commands about a key, which it is. Never what AUTH was given. */
function keyOf(name: string, first: string | Buffer | undefined): string | undefined {
  return name !== 'AUTH' && typeof first === 'string' && first.startsWith('isthmus:') ? first : undefined;
}

/** Of a transaction's commands each has succeeded or failed by itself. */
function asReply(reply: unknown): Reply {
  return isReplyError(reply) ? new RedisReplyError(reply.message) : (reply as Reply); // what the library has decoded
}

function isReplyError(error: unknown): error is Error {
  return error instanceof Error && error.name === 'ReplyError';
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
