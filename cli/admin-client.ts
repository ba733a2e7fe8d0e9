import { request } from 'node:http';
import { Option } from 'commander';
import { errorText, IsthmusError } from '../runtime/errors.ts';
import { adminSocket } from './admin-socket.ts';

/** Asks the controller of this machine over `STATE-DIR/admin.sock`. */
export const DEFAULT_STATE_DIR = '/var/lib/isthmus';

export function stateDirOption(): Option {
  return new Option('--state-dir <dir>', "the controller's state folder")
    .env('ISTHMUS_STATE_DIR')
    .default(DEFAULT_STATE_DIR);
}

/** The controller answers from memory; a longer wait means that it hangs. */
const ANSWER_TIMEOUT_MS = 5_000;
/** Above the dump of a clusterset with 100,000 services. */
const ANSWER_BYTES_MAX = 256 * 1024 * 1024;

export class ControllerUnreachableError extends IsthmusError {
  constructor(message: string, hint: string, cause?: unknown) {
    super('controller-unreachable', message, { hint, cause });
  }
}

/** It understood what was asked, and says why it does not do it. */
export class ControllerRefusedError extends IsthmusError {
  constructor(answer: string) {
    super('usage', `the controller refuses: ${answer}`);
  }
}

/** Answered as JSON. `POST` changes something; parameters are in the query of the path. */
export async function askController(
  stateDir: string,
  path: string,
  method: 'GET' | 'POST' = 'GET',
  timeoutMs = ANSWER_TIMEOUT_MS,
): Promise<unknown> {
  const socketPath = await adminSocket(
    stateDir,
    async (socket, of, signal) =>
      (await ask(socket, of, { method: 'GET', timeoutMs: ANSWER_TIMEOUT_MS, stop: signal })).body,
  );
  const { status, body } = await ask(socketPath, path, { method, timeoutMs }).catch((error: unknown) => {
    throw unreachable(socketPath, error);
  });
  if (status === 400 || status === 409) throw new ControllerRefusedError(body.trim().slice(0, 1_000));
  if (status === 503) {
    const message = `the controller cannot do that now: ${body.trim().slice(0, 1_000)}`;
    throw new ControllerUnreachableError(message, 'try again; `isthmus status` says how it is');
  }
  if (status < 200 || status > 299) {
    const hint = 'the controller may be of another version: compare `isthmus version` on both sides';
    throw new ControllerUnreachableError(
      `the controller answered ${status} to ${path.split('?', 1)[0] ?? ''}: ${body.trim().slice(0, 500)}`,
      hint,
    );
  }
  return JSON.parse(body) as unknown;
}

function ask(
  socketPath: string,
  path: string,
  { method, timeoutMs, stop }: { method: 'GET' | 'POST'; timeoutMs: number; stop?: AbortSignal | undefined },
): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const late = AbortSignal.timeout(timeoutMs);
    const signal = stop === undefined ? late : AbortSignal.any([late, stop]);
    const asked = request({ socketPath, path, method, signal, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      let length = 0;
      response.on('data', (chunk: Buffer) => {
        length += chunk.length;
        if (length > ANSWER_BYTES_MAX) response.destroy(new Error('the answer is too large'));
        else chunks.push(chunk);
      });
      response.on('error', reject);
      response.on('end', () => {
        resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8') });
      });
    });
    asked.on('error', reject);
    asked.end();
  });
}

function unreachable(socketPath: string, error: unknown): ControllerUnreachableError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const start =
    'start one with `isthmus up` or `isthmus controller`, or name its folder by --state-dir or ISTHMUS_STATE_DIR';
  switch (code) {
    case 'ENOENT':
    case 'ENOTDIR':
    case 'ECONNREFUSED':
      return new ControllerUnreachableError(`no controller listens on ${socketPath}`, start, error);
    case 'EACCES':
    case 'EPERM':
      return new ControllerUnreachableError(
        `${socketPath} may not be used by this user`,
        "run it as the controller's user",
        error,
      );
    default: {
      const what = code === 'ABORT_ERR' || code === '23' ? 'no answer in time' : errorText(error);
      return new ControllerUnreachableError(`cannot ask the controller on ${socketPath}: ${what}`, start, error);
    }
  }
}
