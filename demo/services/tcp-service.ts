import { createHash } from 'node:crypto';
import { createServer, type Server, type Socket } from 'node:net';
import type { Counts } from './counts.ts';
import { PLAINTEXT_MARKER } from './marker.ts';

/**
 * A TCP application with every way of closing that gateways must survive. The first line is a command:
 *
 *     who     `NAME MARKER\n`, then nothing until the client closes
 *     big N   N bytes that follow from their position (see `pattern`), then the server closes first
 *     sum     reads to the client's half-close, answers `SHA256 COUNT NAME\n` and closes
 *     part    `NAME MARKER\n` and the server's half-close at once, then counts what the client still sends
 *     echo    sends back what comes
 *     sink    `NAME MARKER\n`, then reads and forgets
 */
const COMMAND_BYTES_MAX = 200;
const BIG_BYTES_MAX = 2 * 1024 * 1024 * 1024;
const BLOCK_BYTES = 64 * 1024;

export function createTcpService(components: { counts: Counts }, init: { readonly name: string }): Server {
  const { counts } = components;
  // Half-open: the client may end its side first and still gets its answer.
  return createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    // The other side may reset at any time; `close` follows and is all we need.
    socket.on('error', () => undefined);
    readCommand(socket, (command, rest) => {
      const [verb = '', argument = ''] = command.split(' ');
      counts.add(VERBS.has(verb) ? verb : 'unknown');
      run(socket, { verb, argument, rest, name: init.name });
    });
  });
}

const VERBS = new Set(['who', 'big', 'sum', 'part', 'echo', 'sink']);

interface Command {
  readonly verb: string;
  readonly argument: string;
  /** What came in the same packets behind the command's line. */
  readonly rest: Buffer;
  readonly name: string;
}

function run(socket: Socket, command: Command): void {
  const who = `${command.name} ${PLAINTEXT_MARKER}\n`;
  switch (command.verb) {
    case 'who':
    case 'sink':
      socket.write(who);
      socket.on('data', () => undefined);
      socket.on('end', () => socket.end());
      return;
    case 'part':
      socket.end(who);
      socket.on('data', () => undefined);
      return;
    case 'echo':
      if (command.rest.length > 0) socket.write(command.rest);
      socket.pipe(socket);
      return;
    case 'big':
      sendPattern(socket, Math.min(Number(command.argument) || 0, BIG_BYTES_MAX));
      return;
    case 'sum':
      sum(socket, command);
      return;
    default:
      socket.end(`unknown command\n`);
  }
}

function readCommand(socket: Socket, done: (command: string, rest: Buffer) => void): void {
  let read = Buffer.alloc(0);
  // A health check connects, says nothing and leaves.
  const onEnd = (): void => void socket.end();
  const onData = (chunk: Buffer): void => {
    read = Buffer.concat([read, chunk]);
    const end = read.indexOf('\n');
    if (end < 0 && read.length <= COMMAND_BYTES_MAX) return;
    socket.removeListener('data', onData).removeListener('end', onEnd);
    if (end < 0) socket.destroy();
    else done(read.toString('latin1', 0, end), read.subarray(end + 1));
  };
  socket.on('data', onData).once('end', onEnd);
}

/** Byte number `n` of every `big` answer: a lost, doubled or swapped piece changes the digest. */
export function pattern(start: number, length: number): Buffer {
  const block = Buffer.allocUnsafe(length);
  for (let index = 0; index < length; index++) {
    const at = start + index;
    block[index] = (at ^ (at >>> 8) ^ (at >>> 16)) & 0xff;
  }
  return block;
}

function sendPattern(socket: Socket, total: number): void {
  let sent = 0;
  const write = (): void => {
    while (sent < total && !socket.destroyed) {
      const block = pattern(sent, Math.min(BLOCK_BYTES, total - sent));
      sent += block.length;
      if (!socket.write(block)) {
        socket.once('drain', write);
        return;
      }
    }
    socket.end();
  };
  socket.on('data', () => undefined);
  write();
}

function sum(socket: Socket, command: Command): void {
  const digest = createHash('sha256').update(command.rest);
  let count = command.rest.length;
  socket.on('data', (chunk: Buffer) => {
    digest.update(chunk);
    count += chunk.length;
  });
  socket.on('end', () => socket.end(`${digest.digest('hex')} ${count} ${command.name}\n`));
}
