import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { isIPv6 } from 'node:net';
import { errorText } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import type { DnsMetrics } from './metrics.ts';

/** Answers that the kernel has not taken yet. Beyond it a client is better served by asking again than by an old answer. */
const QUEUED_MAX = 1_024;
/** Room in the kernel for a burst of questions: some thousand. It gives less when it is not allowed more. */
const RECEIVE_BUFFER_BYTES = 1_048_576;

export interface UdpListenerComponents {
  readonly log: Logger;
  readonly metrics: DnsMetrics;
  readonly answer: (message: Uint8Array) => Uint8Array | undefined;
}

export class UdpListener {
  readonly #components: UdpListenerComponents;
  #socket: Socket | undefined;

  constructor(components: UdpListenerComponents) {
    this.#components = components;
  }

  /** The port it has. @throws the system's error */
  async listen({ address, port }: { readonly address: string; readonly port: number }): Promise<number> {
    const socket = createSocket({ type: isIPv6(address) ? 'udp6' : 'udp4', recvBufferSize: RECEIVE_BUFFER_BYTES });
    socket.bind({ address, port });
    try {
      await once(socket, 'listening'); // rejects with `error`
    } catch (error) {
      socket.close();
      throw error;
    }
    socket.on('error', (error) => this.#components.log.warn('dns socket failed', { error: errorText(error) }));
    socket.on('message', (message, { address: host, port: from }) => this.#answer(socket, message, { host, from }));
    this.#socket = socket;
    return socket.address().port;
  }

  async close(): Promise<void> {
    const socket = this.#socket;
    if (socket === undefined) return;
    this.#socket = undefined;
    const closed = once(socket, 'close');
    socket.close();
    await closed;
  }

  #answer(socket: Socket, message: Uint8Array, { host, from }: { readonly host: string; readonly from: number }): void {
    // RFC 768: no answer is wanted. Nobody asks so but to do harm: to send there throws, and would end the process.
    if (from === 0) {
      this.#components.metrics.dropped('unreadable');
      return;
    }
    const bytes = this.#components.answer(message);
    if (bytes === undefined) {
      this.#components.metrics.dropped('unreadable');
    } else if (socket.getSendQueueCount() >= QUEUED_MAX) {
      this.#components.metrics.dropped('send-queue-full');
    } else {
      // A datagram that does not get through is one that the network lost: the client asks again.
      socket.send(bytes, from, host, () => undefined);
    }
  }
}
