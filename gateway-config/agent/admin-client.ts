import { request } from 'node:http';
import { errorText, IsthmusError } from '../../runtime/errors.ts';

/** Envoy's admin interface on its unix socket. Answers are bounded: `/clusters` grows with endpoints. */
export class AdminError extends IsthmusError {
  constructor(path: string, why: string) {
    super('envoy-admin', `envoy's admin interface: ${why}`, { fields: { path } });
  }
}

const TIMEOUT_MS = 2_000;
/** 20,000 endpoints with their counters. */
const BODY_BYTES_MAX = 64 * 1024 * 1024;

export class AdminClient {
  readonly #socketPath: string;

  constructor(init: { socketPath: string }) {
    this.#socketPath = init.socketPath;
  }

  /** @throws AdminError when Envoy does not answer 200 within 2 s */
  get(path: string): Promise<Buffer> {
    return this.#send('GET', path);
  }

  /** For Envoy's changing endpoints, e.g. `/drain_listeners`. */
  post(path: string): Promise<Buffer> {
    return this.#send('POST', path);
  }

  /** Envoy's own word: `LIVE`, `PRE_INITIALIZING`, `INITIALIZING`, `DRAINING`; undefined when it does not answer. */
  async state(): Promise<string | undefined> {
    try {
      // `/server_info` answers 200 in every state; `/ready` answers 503 while not live.
      const info: unknown = JSON.parse((await this.get('/server_info')).toString('utf8'));
      if (typeof info !== 'object' || info === null || !('state' in info)) return undefined;
      return typeof info.state === 'string' ? info.state : undefined;
    } catch {
      // Not there yet, or not there any more: the caller asks again.
      return undefined;
    }
  }

  #send(method: 'GET' | 'POST', path: string): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const options = { socketPath: this.#socketPath, path, method, timeout: TIMEOUT_MS, agent: false };
      const call = request(options, (answer) => {
        const parts: Buffer[] = [];
        let size = 0;
        answer.on('data', (part: Buffer) => {
          size += part.length;
          if (size > BODY_BYTES_MAX) call.destroy(new AdminError(path, 'the answer is too long'));
          else parts.push(part);
        });
        answer.on('error', reject);
        answer.on('end', () => {
          if (answer.statusCode === 200) resolve(Buffer.concat(parts));
          else reject(new AdminError(path, `status ${answer.statusCode ?? 'unknown'}`));
        });
      });
      call.on('timeout', () => call.destroy(new AdminError(path, `no answer within ${TIMEOUT_MS} ms`)));
      call.on('error', (error) => reject(error instanceof AdminError ? error : new AdminError(path, errorText(error))));
      call.end();
    });
  }
}
