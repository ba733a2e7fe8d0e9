import { connect } from 'node:net';
import type { Clock } from '../../runtime/clock.ts';
import { answerName, errorReason } from './target.ts';

/**
 * A connection that is opened and kept, to learn when it is cut. `idle` says nothing after the greeting; `sending` keeps
 * data in flight, which the kernel retransmits for long before it gives up.
 */
export interface HeldInit {
  readonly host: string;
  readonly port: number;
  readonly mode: 'idle' | 'sending';
  readonly onOpen: (answer: string) => void;
  /** Called once, also when the connection never opened. */
  readonly onCut: (reason: string) => void;
}

/** Often enough that a packet is always under way; little enough to never fill a buffer. */
const SEND_INTERVAL_MS = 100;

/** Returns a function that lets go of the connection (`onCut` is then not called). */
export function hold(components: { clock: Clock }, init: HeldInit): () => void {
  const { clock } = components;
  const socket = connect({ host: init.host, port: init.port, noDelay: true });
  let greeting = '';
  let open = true;
  const cut = (reason: string): void => {
    if (!open) return;
    open = false;
    socket.destroy();
    init.onCut(reason);
  };
  const send = (): void => {
    if (!open) return;
    socket.write('x'.repeat(100));
    clock.after(SEND_INTERVAL_MS, send);
  };
  socket.setEncoding('latin1');
  socket.on('connect', () => socket.write('sink\n'));
  socket.on('data', (chunk: string) => {
    const greeted = greeting.includes('\n');
    if (!greeted) greeting += chunk;
    if (greeted || !greeting.includes('\n')) return;
    init.onOpen(answerName(greeting));
    if (init.mode === 'sending') send();
  });
  socket.on('error', (error) => cut(errorReason(error)));
  socket.on('end', () => cut('closed'));
  socket.on('close', () => cut('closed'));
  return () => {
    open = false;
    socket.destroy();
  };
}
