import { createServer, connect, type AddressInfo, type Server, type Socket } from 'node:net';
import { encodeFrame, type Frame, FrameReader, textOf, wordsOf } from './frames.ts';

/**
 * A TCP proxy in front of a real server. It knows the framing of the protocol in both directions and which reply belongs to
 * which command, and asks an enemy what shall become of each. Without an enemy's interest octets pass as they are.
 */
export interface Command {
  /** In capitals. */
  readonly name: string;
  readonly words: readonly Uint8Array[];
  /** For EXEC: the commands of its transaction. */
  readonly queued: readonly Command[];
}

export interface Enemy {
  command(command: Command): Fate;
  reply(command: Command, reply: Frame): Promise<Delivery>;
  /** A message of pub/sub. What comes back is delivered in its place, in this order. */
  message(frame: Frame): Promise<readonly Frame[]>;
}

/**
 * `swallow`: the server never hears of it, the client waits. `twice`: the server hears it twice, the client gets the second
 * reply. `pretend` (EXEC): the transaction is thrown away, the client hears that it was carried out.
 */
export type Fate = 'pass' | 'swallow' | 'twice' | 'pretend' | 'hang-up';

export type Delivery =
  | { readonly kind: 'deliver'; readonly frame: Frame }
  /** The connection breaks in the middle of the frame. */
  | { readonly kind: 'cut'; readonly frame: Frame }
  /** The reply never comes, so every later one seems to answer the command before it. */
  | { readonly kind: 'lose' }
  | { readonly kind: 'double'; readonly frame: Frame }
  /** It comes after the next one. */
  | { readonly kind: 'hold-back'; readonly frame: Frame };

export class RespProxy implements AsyncDisposable {
  readonly #server: Server;
  readonly #connections = new Set<Connection>();

  private constructor(server: Server) {
    this.#server = server;
  }

  static async listen(init: { readonly targetPort: number; readonly enemy: Enemy }): Promise<RespProxy> {
    const server = createServer();
    const proxy = new RespProxy(server);
    server.on('connection', (client) => {
      const connection = new Connection(client, init.targetPort, init.enemy);
      proxy.#connections.add(connection);
      client.once('close', () => proxy.#connections.delete(connection));
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(0, '127.0.0.1', resolve);
    });
    return proxy;
  }

  get port(): number {
    // A server that listens on TCP has an address with a port.
    return (this.#server.address() as AddressInfo).port;
  }

  /** Ends the connections whose replies no longer stand behind their commands: no client can find out by itself. */
  endBroken(): void {
    for (const connection of this.#connections) if (connection.isBroken) connection.end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const connection of this.#connections) connection.end();
    await new Promise((resolve) => {
      this.#server.close(resolve);
    });
  }
}

const DISCARD = encodeFrame({
  kind: 'list',
  mark: '*',
  items: [{ kind: 'bulk', mark: '$', bytes: Buffer.from('DISCARD') }],
});

/** What a server would say to a transaction that went well. */
function successOf({ queued }: Command): Frame {
  const items = queued.map(
    ({ name }): Frame =>
      name === 'SET' || name === 'LTRIM'
        ? { kind: 'line', mark: '+', text: 'OK' }
        : { kind: 'line', mark: ':', text: '1' },
  );
  return { kind: 'list', mark: '*', items };
}

class Connection {
  readonly #client: Socket;
  readonly #server: Socket;
  readonly #enemy: Enemy;
  readonly #commands = new FrameReader();
  readonly #replies = new FrameReader();
  /** Commands whose reply has not come. */
  readonly #pending: { readonly command: Command; readonly fate: Fate }[] = [];
  #transaction: Command[] | undefined;
  #held: Frame | undefined;
  #isSubscribed = false;
  /** Replies are judged one after the other, whatever the enemy has to look up. */
  #tail: Promise<void> = Promise.resolve();
  isBroken = false;

  constructor(client: Socket, targetPort: number, enemy: Enemy) {
    this.#client = client;
    this.#enemy = enemy;
    this.#server = connect(targetPort, '127.0.0.1');
    for (const socket of [client, this.#server]) {
      socket.setNoDelay(true);
      socket.on('error', () => this.end());
      socket.on('close', () => this.end());
    }
    client.on('data', (chunk: Buffer) => this.#fromClient(chunk));
    this.#server.on('data', (chunk: Buffer) => this.#fromServer(chunk));
  }

  end(): void {
    this.#client.destroy();
    this.#server.destroy();
  }

  #fromClient(chunk: Buffer): void {
    for (const frame of this.#commands.read(chunk)) {
      const command = this.#commandOf(frame);
      const fate = this.#enemy.command(command);
      if (fate === 'hang-up') return this.end();
      if (fate === 'swallow') {
        // Its reply never comes, and what comes next is not taken for it.
        this.isBroken = true;
        continue;
      }
      this.#pending.push({ command, fate });
      const octets = fate === 'pretend' ? DISCARD : encodeFrame(frame);
      this.#server.write(fate === 'twice' ? Buffer.concat([octets, octets]) : octets);
    }
  }

  #commandOf(frame: Frame): Command {
    const words = wordsOf(frame) ?? [];
    const name = textOf(words[0]).toUpperCase();
    if (name === 'MULTI') this.#transaction = [];
    const isQueued = this.#transaction !== undefined && !['MULTI', 'EXEC', 'DISCARD'].includes(name);
    const command: Command = { name, words, queued: name === 'EXEC' ? (this.#transaction ?? []) : [] };
    if (isQueued) this.#transaction?.push(command);
    if (name === 'EXEC' || name === 'DISCARD') this.#transaction = undefined;
    if (name.endsWith('SUBSCRIBE')) this.#isSubscribed = true;
    return command;
  }

  #fromServer(chunk: Buffer): void {
    let frames: readonly Frame[];
    try {
      frames = this.#replies.read(chunk);
    } catch {
      return this.end();
    }
    for (const frame of frames) this.#tail = this.#tail.then(() => this.#judged(frame));
  }

  /** Never rejects: an enemy that fails ends the connection, as a broken store would. */
  async #judged(frame: Frame): Promise<void> {
    try {
      if (this.#isMessage(frame)) {
        for (const each of await this.#enemy.message(frame)) this.#write(each);
        return;
      }
      const pending = this.#pending[0];
      if (pending?.fate === 'twice') {
        // The first of two replies: the second is the one that counts.
        this.#pending[0] = { ...pending, fate: 'pass' };
        return;
      }
      this.#pending.shift();
      if (pending === undefined) return this.#write(frame);
      if (pending.fate === 'pretend') return this.#write(successOf(pending.command));
      this.#deliver(await this.#enemy.reply(pending.command, frame));
    } catch {
      this.end();
    }
  }

  #isMessage(frame: Frame): boolean {
    if (frame.kind !== 'list') return false;
    const [first] = frame.items ?? [];
    const word = first?.kind === 'bulk' ? textOf(first.bytes) : '';
    return (frame.mark === '>' || this.#isSubscribed) && word.endsWith('message');
  }

  #deliver(delivery: Delivery): void {
    switch (delivery.kind) {
      case 'deliver':
        this.#write(delivery.frame);
        break;
      case 'cut': {
        const octets = encodeFrame(delivery.frame);
        this.#client.write(octets.subarray(0, Math.ceil(octets.length / 2)), () => this.end());
        return;
      }
      case 'lose':
        this.isBroken = true;
        break;
      case 'double':
        this.isBroken = true;
        this.#write(delivery.frame);
        this.#write(delivery.frame);
        break;
      case 'hold-back':
        this.isBroken = true;
        this.#held = delivery.frame;
        return;
    }
    if (this.#held === undefined) return;
    this.#write(this.#held);
    this.#held = undefined;
  }

  #write(frame: Frame): void {
    if (!this.#client.destroyed) this.#client.write(encodeFrame(frame));
  }
}
