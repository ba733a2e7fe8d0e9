/** Certificates for servers and clients of a store: a CA of its own, as an operator's, made by OpenSSL (EC, P-256). */
import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

export interface KeyPairFiles {
  /** Paths of PEM files. */
  readonly cert: string;
  readonly key: string;
}

export interface TlsMaterial {
  /** Path of the CA's PEM file. */
  readonly ca: string;
  readonly server: KeyPairFiles;
  readonly client: KeyPairFiles;
  /** Another pair under the same CA. `subjectAltName` as in openssl.cnf: `DNS:store.example,IP:127.0.0.1`. */
  issue(name: string, subjectAltName: string): Promise<KeyPairFiles>;
  /** The texts, as node:tls takes them. */
  read(pair?: KeyPairFiles): Promise<{ readonly ca: string; readonly cert: string; readonly key: string }>;
}

const run = promisify(execFile);
const DAYS = '2';

export async function makeTlsMaterial(directory: string): Promise<TlsMaterial> {
  await mkdir(directory, { recursive: true });
  const ca: KeyPairFiles = { cert: join(directory, 'ca.pem'), key: join(directory, 'ca.key') };
  await openssl('req', '-x509', '-subj', '/CN=test store CA', '-days', DAYS, '-out', ca.cert, ...newKey(ca.key));
  const issue = (name: string, subjectAltName: string): Promise<KeyPairFiles> =>
    issuePair(directory, ca, { name, subjectAltName });
  const [server, client] = await Promise.all([
    issue('server', 'DNS:localhost,IP:127.0.0.1'),
    issue('client', 'DNS:client.example.org'),
  ]);
  const read: TlsMaterial['read'] = async (pair = client) => {
    const [caText, cert, key] = await Promise.all([ca.cert, pair.cert, pair.key].map((path) => readFile(path, 'utf8')));
    return { ca: caText ?? '', cert: cert ?? '', key: key ?? '' };
  };
  return { ca: ca.cert, server, client, issue, read };
}

async function issuePair(
  directory: string,
  ca: KeyPairFiles,
  { name, subjectAltName }: { name: string; subjectAltName: string },
): Promise<KeyPairFiles> {
  const pair = { cert: join(directory, `${name}.pem`), key: join(directory, `${name}.key`) };
  const request = join(directory, `${name}.csr`);
  const extensions = join(directory, `${name}.ext`);
  await writeFile(extensions, `subjectAltName=${subjectAltName}\nbasicConstraints=critical,CA:FALSE\n`);
  await openssl('req', '-subj', `/CN=${name}`, '-out', request, ...newKey(pair.key));
  const issuer = ['-CA', ca.cert, '-CAkey', ca.key];
  await openssl('x509', '-req', '-in', request, ...issuer, '-days', DAYS, '-extfile', extensions, '-out', pair.cert);
  return pair;
}

function newKey(path: string): string[] {
  return ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', path];
}

async function openssl(...args: readonly string[]): Promise<void> {
  await run('openssl', args);
}
