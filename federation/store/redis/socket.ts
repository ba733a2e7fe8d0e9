import { readFile } from 'node:fs/promises';
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import type { Clock } from '../../../runtime/clock.ts';
import { errorText } from '../../../runtime/errors.ts';
import { StoreUnavailableError } from '../contract.ts';
import type { RedisAddress, RedisLogin, RedisPlace } from './address.ts';
import { formatRedisPlace } from './address.ts';
import { dialErrorOf } from './dial-errors.ts';

/**
 * Sockets to a server, plain or TLS, open or not there. Passwords and certificates are read from disk for each of them,
 * so that a rotation needs no restart.
 */
export interface DialInit {
  readonly place: RedisPlace;
  readonly address: RedisAddress;
  readonly timeoutMs: number;
}

/** A key, a certificate chain, a bundle of CAs, a password. */
const FILE_BYTES_MAX = 1024 * 1024;

/** @throws IsthmusError that says what to do */
export async function dialSocket(components: { clock: Clock }, init: DialInit): Promise<Socket> {
  const { place, address, timeoutMs } = init;
  const tls = address.isTls ? await tlsOptions(address, place) : undefined;
  const socket = beginSocket(init, tls);
  return new Promise((resolve, reject) => {
    const fail = (error: unknown): void => {
      timer.cancel();
      socket.destroy();
      reject(dialErrorOf(error, { place: formatRedisPlace(place), isTls: address.isTls }));
    };
    // A server without TLS waits for the end of a line that a TLS greeting does not have.
    let isReached = false;
    const timer = components.clock.after(timeoutMs, () =>
      fail(
        Object.assign(new Error(`no answer in ${timeoutMs} ms`), { code: isReached ? 'ETLSTIMEDOUT' : 'ETIMEDOUT' }),
      ),
    );
    const ended = (): void => fail(Object.assign(new Error('closed before it was open'), { code: 'ECONNRESET' }));
    socket.on('error', fail);
    socket.once('close', ended);
    socket.once('connect', () => {
      isReached = true;
    });
    socket.once(tls === undefined ? 'connect' : 'secureConnect', () => {
      timer.cancel();
      socket.off('error', fail);
      socket.off('close', ended);
      socket.setNoDelay(true);
      resolve(socket);
    });
  });
}

/** A port that a node names and that is none, or a certificate that is just being replaced, are refused before there is a socket. */
function beginSocket({ place, address }: DialInit, tls: ConnectionOptions | undefined): Socket {
  try {
    const target = { host: place.host, port: place.port };
    return tls === undefined ? connectTcp(target) : connectTls({ ...target, ...tls });
  } catch (error) {
    throw dialErrorOf(error, { place: formatRedisPlace(place), isTls: address.isTls });
  }
}

/** AUTH's arguments, or none when nobody logs in. */
export async function readLogin({ user, password, passwordFile }: RedisLogin): Promise<readonly string[]> {
  const secret = passwordFile === undefined ? password : trimLineEnd((await readSmall(passwordFile)).toString('utf8'));
  if (passwordFile !== undefined && secret === '') {
    // Half of a rotation, or a full disk. Without AUTH one would be the user `default`, who may be allowed everything.
    throw new StoreUnavailableError(`${passwordFile} is empty`, { hint: 'it has to hold one line with the password' });
  }
  if (secret === undefined || secret === '') return [];
  return user === undefined ? [secret] : [user, secret];
}

async function tlsOptions({ tls, serverName }: RedisAddress, { host }: RedisPlace): Promise<ConnectionOptions> {
  const read = (path: string | undefined): Promise<Buffer | undefined> =>
    path === undefined ? Promise.resolve(undefined) : readSmall(path);
  const [ca, cert, key] = await Promise.all([read(tls.ca), read(tls.cert), read(tls.key)]);
  // SNI is for names; without it the certificate is compared with the host that was dialled.
  const name = serverName ?? (isIP(host) === 0 ? host : undefined);
  return {
    minVersion: 'TLSv1.2',
    ...(name === undefined ? {} : { servername: name }),
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  };
}

async function readSmall(path: string): Promise<Buffer> {
  try {
    const bytes = await readFile(path);
    if (bytes.byteLength <= FILE_BYTES_MAX) return bytes;
  } catch (error) {
    throw new StoreUnavailableError(`cannot read ${path}: ${errorText(error)}`, {
      hint: 'the address of the store names this file: does it exist, and may this user read it?',
    });
  }
  throw new StoreUnavailableError(`${path} is larger than ${FILE_BYTES_MAX} octets`, { hint: 'is it the right file?' });
}

function trimLineEnd(text: string): string {
  return text.replace(/\r?\n$/, '');
}
