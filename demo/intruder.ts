/**
 * Knocks at a gateway from outside, as somebody on the wire would: `node demo/intruder.ts` reads one JSON line of attempts
 * on standard input and prints one of answers. A byte from the other side is what counts: a TLS 1.3 client sees its
 * handshake end before the server has judged its certificate.
 */
import { connect as connectHttp2 } from 'node:http2';
import { text } from 'node:stream/consumers';
import { type ConnectionOptions, connect } from 'node:tls';
import { SystemClock } from '../runtime/clock.ts';

export interface Attempt {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly sni: string;
  /** `http`: GET / with this `isthmus-service`; `tcp`: asks who is there. */
  readonly kind: 'http' | 'tcp';
  readonly service: string;
  /** PEM; absent: no certificate is shown. */
  readonly certificate?: { readonly chain: string; readonly key: string } | undefined;
}

export interface AttemptAnswer {
  readonly name: string;
  /** Absent: refused without a byte. */
  readonly status?: number | undefined;
  readonly reply?: string | undefined;
  readonly body?: string | undefined;
}

const PATIENCE_MS = 4_000;
const clock = new SystemClock();

async function knock(attempt: Attempt): Promise<AttemptAnswer> {
  return attempt.kind === 'http' ? knockHttp(attempt) : knockTcp(attempt);
}

function tlsOptions({ host, port, sni, certificate }: Attempt): ConnectionOptions {
  const own = certificate === undefined ? {} : { cert: certificate.chain, key: certificate.key };
  // Who answers is not this program's question.
  return { host, port, servername: sni, rejectUnauthorized: false, minVersion: 'TLSv1.3', ...own };
}

function knockTcp(attempt: Attempt): Promise<AttemptAnswer> {
  return new Promise((resolve) => {
    const socket = connect({ ...tlsOptions(attempt), ALPNProtocols: ['isthmus-tcp'] });
    socket.setTimeout(PATIENCE_MS, () => socket.destroy());
    socket.on('secureConnect', () => socket.write('who\n'));
    socket.on('data', (data: Buffer) => {
      resolve({ name: attempt.name, body: data.toString('latin1').trim() });
      socket.destroy();
    });
    socket.on('error', () => undefined);
    socket.on('close', () => resolve({ name: attempt.name }));
  });
}

function knockHttp(attempt: Attempt): Promise<AttemptAnswer> {
  return new Promise((resolve) => {
    const socket = connect({ ...tlsOptions(attempt), ALPNProtocols: ['h2'] });
    const session = connectHttp2('https://gateway', { createConnection: () => socket });
    // Its own timer, not the session's: a session whose socket was refused may fall silent without any event.
    const timer = clock.after(PATIENCE_MS, () => end({ name: attempt.name }));
    const end = (answer: AttemptAnswer): void => {
      timer.cancel();
      resolve(answer);
      session.destroy();
      socket.destroy();
    };
    socket.on('error', () => end({ name: attempt.name }));
    session.on('error', () => end({ name: attempt.name }));
    session.on('close', () => end({ name: attempt.name }));
    const request = session.request({ ':path': '/', ':authority': 'shop.default', 'isthmus-service': attempt.service });
    request.on('error', () => undefined);
    request.on('response', (headers) => {
      const reply = headers['isthmus-reply'];
      end({ name: attempt.name, status: headers[':status'], reply: typeof reply === 'string' ? reply : undefined });
    });
    request.end();
  });
}

if (process.argv[1] === import.meta.filename) {
  const attempts = JSON.parse(await text(process.stdin)) as readonly Attempt[];
  const answers: AttemptAnswer[] = [];
  for (const attempt of attempts) answers.push(await knock(attempt));
  process.stdout.write(`${JSON.stringify(answers)}\n`);
}
