import { chmod, lstat, mkdir, unlink } from 'node:fs/promises';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import { IsthmusError } from '../../runtime/errors.ts';

/**
 * Unix sockets for one user. The file mode is the access control: whoever may open the socket may ask for a gateway's
 * configuration and certificate.
 */
export class SocketPathError extends IsthmusError {}

/** sun_path of unix(7) has 108 octets with its terminating zero. */
const PATH_BYTES_MAX = 107;
const OWNER_ONLY = 0o600;

export function checkSocketPath(path: string): void {
  if (Buffer.byteLength(path) <= PATH_BYTES_MAX) return;
  throw new SocketPathError('socket-path-too-long', `unix socket path is longer than ${PATH_BYTES_MAX} octets`, {
    fields: { path },
    hint: 'use a shorter state folder',
  });
}

/** Makes the folder and takes away the socket that a killed predecessor left. A socket in use is an error. */
export async function clearSocketPath(path: string): Promise<void> {
  checkSocketPath(path);
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const found = await lstat(path).catch(() => undefined);
  if (found === undefined) return;
  if (!found.isSocket()) {
    throw new SocketPathError('socket-path-taken', 'a file that is not a socket is in the way', { fields: { path } });
  }
  if (await answers(path)) {
    throw new SocketPathError('socket-in-use', 'another process listens on this unix socket', {
      fields: { path },
      hint: 'stop it, or use another state folder',
    });
  }
  await unlink(path);
}

export async function restrictSocket(path: string): Promise<void> {
  await chmod(path, OWNER_ONLY);
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
