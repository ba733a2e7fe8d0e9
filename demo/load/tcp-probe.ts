import { connect } from 'node:net';
import type { Clock } from '../../runtime/clock.ts';
import { answerName, errorReason, failure, type Outcome, type Probe, type Stream } from './target.ts';

/** One connection an attempt: connect, ask `who`, read the answer's line, close. Connected alone proves nothing. */
const REPLY_MAX = 1000;

export function tcpProbe(components: { clock: Clock }, stream: Stream): { probe: Probe; close: () => void } {
  const probe: Probe = (done) => {
    const socket = connect({ host: stream.host, port: stream.port, noDelay: true });
    let reply = '';
    let open = true;
    const finish = (outcome: Outcome): void => {
      if (!open) return;
      open = false;
      timer.cancel();
      socket.destroy();
      done(outcome);
    };
    const timer = components.clock.after(stream.timeoutMs, () => finish(failure('timeout')));
    socket.setEncoding('latin1');
    socket.on('connect', () => socket.write('who\n'));
    socket.on('data', (chunk: string) => {
      reply += chunk;
      if (reply.includes('\n')) finish({ ok: true, answer: answerName(reply) });
      else if (reply.length > REPLY_MAX) finish(failure('garbage'));
    });
    socket.on('error', (error) => finish(failure(errorReason(error))));
    socket.on('close', () => finish(failure('closed')));
  };
  return { probe, close: () => undefined };
}
