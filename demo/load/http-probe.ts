import { Agent, request } from 'node:http';
import type { Clock } from '../../runtime/clock.ts';
import { MARKER_HEADER, PLAINTEXT_MARKER } from '../services/marker.ts';
import { answerName, errorReason, failure, type Outcome, type Probe, type Stream } from './target.ts';

/** One HTTP/1.1 request an attempt. Good is status 200 with a whole body. No retries: what a client sees is counted. */
const IDLE_SOCKETS_MAX = 256;
/** The name stands at the front; more of a body is read and not kept. */
const BODY_KEPT_MAX = 100;

export function httpProbe(components: { clock: Clock }, stream: Stream): { probe: Probe; close: () => void } {
  const agent = new Agent({ keepAlive: stream.connections === 'pooled', maxFreeSockets: IDLE_SOCKETS_MAX });
  const options = {
    agent,
    host: stream.host,
    port: stream.port,
    path: stream.path,
    method: stream.method,
    headers: { host: stream.authority ?? `${stream.host}:${stream.port}`, [MARKER_HEADER]: PLAINTEXT_MARKER },
  };
  const probe: Probe = (done) => {
    const attempt = once(done);
    const sent = request(options, (response) => {
      let body = '';
      response.setEncoding('latin1');
      response.on('data', (chunk: string) => {
        if (body.length < BODY_KEPT_MAX) body += chunk;
      });
      response.on('end', () => {
        timer.cancel();
        const { statusCode } = response;
        attempt(statusCode === 200 ? { ok: true, answer: answerName(body) } : failure(`status-${statusCode ?? 0}`));
      });
      response.on('error', (error) => attempt(failure(`body-${errorReason(error)}`)));
    });
    const timer = components.clock.after(stream.timeoutMs, () => {
      attempt(failure('timeout'));
      sent.destroy();
    });
    sent.on('error', (error) => {
      timer.cancel();
      attempt(failure(errorReason(error)));
    });
    sent.end();
  };
  return { probe, close: () => agent.destroy() };
}

/** An attempt can fail twice (time-out, then the reset it causes); the first counts. */
function once(done: (outcome: Outcome) => void): (outcome: Outcome) => void {
  let open = true;
  return (outcome) => {
    if (!open) return;
    open = false;
    done(outcome);
  };
}
