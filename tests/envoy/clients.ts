/** Callers of the tests: one new connection a call, as a fresh workload would make it. */
import { request } from 'node:http';
import { connect } from 'node:net';

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: string;
  /** The first word of the body: who answered. */
  readonly who: string;
}

const LIMIT_MS = 10_000;

export function callHttp(
  port: number,
  path: string,
  options: { readonly method?: string; readonly headers?: Readonly<Record<string, string>> } = {},
): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const { method = 'GET', headers = {} } = options;
    const call = request(
      { host: '127.0.0.1', port, path, method, headers, agent: false, timeout: LIMIT_MS },
      (answer) => {
        let body = '';
        answer.setEncoding('utf8');
        answer.on('data', (text: string) => (body += text));
        answer.on('error', reject);
        answer.on('end', () => {
          const status = answer.statusCode ?? 0;
          resolve({ status, headers: answer.headers, body, who: body.split(' ')[0] ?? '' });
        });
      },
    );
    call.on('timeout', () => call.destroy(new Error(`no answer in ${LIMIT_MS} ms`)));
    call.on('error', reject);
    call.end(method === 'POST' ? 'x'.repeat(100) : undefined);
  });
}

/** Who answers by HTTP, or why nobody does. */
export async function whoHttp(port: number): Promise<string> {
  const answer = await callHttp(port, '/who');
  return answer.status === 200 ? answer.who : `status ${answer.status}`;
}

/** Who answers by TCP. */
export function whoTcp(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port }, () => socket.write('who\n'));
    let text = '';
    socket.setTimeout(LIMIT_MS, () => socket.destroy(new Error(`no answer in ${LIMIT_MS} ms`)));
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      if (text.includes('\n')) socket.end();
    });
    socket.on('error', reject);
    socket.on('close', () => resolve(text.split(' ')[0] || 'nothing'));
  });
}
