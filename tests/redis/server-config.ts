/** What a test may ask of a server, and the configuration files that come of it. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Program } from './programs.ts';
import type { TlsMaterial } from './tls-material.ts';

export interface ServerInit {
  readonly program: Program;
  /** Lines of the server's configuration: `maxmemory 1mb`, `appendonly yes`. They win over the harness's own. */
  readonly config?: readonly string[];
  /**
   * Lines of an ACL file (`user east on >secret ~isthmus:* +@all`). Besides them there is a user for the harness; `user
   * default` stays open unless a line says otherwise.
   */
  readonly acl?: readonly string[];
  /** TLS only, no plain port. `clients`: whether a client certificate is asked for; default `required`. Redis only. */
  readonly tls?: { readonly material: TlsMaterial; readonly clients?: 'required' | 'optional' } | undefined;
  readonly replicaOf?: { readonly host: string; readonly port: number } | undefined;
  readonly mode?: 'standalone' | 'cluster' | 'sentinel';
}

export interface ServerFiles {
  readonly directory: string;
  readonly configFile: string;
  readonly port: number;
  readonly busPort: number;
  readonly sentinel: boolean;
}

export const HARNESS_USER = 'harness';
export const HARNESS_PASSWORD = 'harness-password';

export async function writeServerFiles(
  init: ServerInit,
  { directory, port, busPort }: { directory: string; port: number; busPort: number },
): Promise<ServerFiles> {
  const configFile = join(directory, 'server.conf');
  const mode = init.mode ?? 'standalone';
  const lines = [
    ...common(directory),
    ...listen(init, port),
    ...(mode === 'sentinel' ? [] : dataOf(init)),
    ...(mode === 'cluster' ? clusterOf(init, busPort) : []),
    ...(init.config ?? []),
  ];
  if (init.acl !== undefined) lines.push(`aclfile ${await writeAcl(directory, init.acl)}`);
  await writeFile(configFile, `${lines.join('\n')}\n`);
  return { directory, configFile, port, busPort, sentinel: mode === 'sentinel' };
}

function common(directory: string): string[] {
  return ['bind 127.0.0.1', 'protected-mode no', 'daemonize no', `dir ${directory}`, 'logfile ""'];
}

function listen({ tls, mode }: ServerInit, port: number): string[] {
  if (tls === undefined) return [`port ${port}`];
  const { material, clients = 'required' } = tls;
  return [
    'port 0',
    `tls-port ${port}`,
    `tls-ca-cert-file ${material.ca}`,
    `tls-cert-file ${material.server.cert}`,
    `tls-key-file ${material.server.key}`,
    `tls-auth-clients ${clients === 'required' ? 'yes' : 'optional'}`,
    'tls-replication yes',
    ...(mode === 'cluster' ? ['tls-cluster yes'] : []),
  ];
}

function dataOf({ acl, replicaOf }: ServerInit): string[] {
  return [
    'save ""',
    'appendonly no',
    // DEBUG SLEEP and its like, for tests that need a server which is busy.
    'enable-debug-command yes',
    // A replica is in step at once: the default waits 5 s for more replicas to join the same transfer.
    'repl-diskless-sync-delay 0',
    ...(replicaOf === undefined ? [] : [`replicaof ${replicaOf.host} ${replicaOf.port}`]),
    ...(acl === undefined ? [] : [`masteruser ${HARNESS_USER}`, `masterauth ${HARNESS_PASSWORD}`]),
  ];
}

/** A node that is away for this long is failed over. Short for a test, long for a busy machine's pauses. */
const NODE_TIMEOUT_MS = 2_000;

function clusterOf({ tls }: ServerInit, busPort: number): string[] {
  return [
    'cluster-enabled yes',
    'cluster-config-file nodes.conf',
    `cluster-port ${busPort}`,
    `cluster-node-timeout ${NODE_TIMEOUT_MS}`,
    ...(tls === undefined ? [] : ['cluster-announce-ip 127.0.0.1']),
  ];
}

async function writeAcl(directory: string, lines: readonly string[]): Promise<string> {
  const path = join(directory, 'users.acl');
  const own = [`user ${HARNESS_USER} on >${HARNESS_PASSWORD} ~* &* +@all`];
  if (!lines.some((line) => line.startsWith('user default '))) own.push('user default on nopass ~* &* +@all');
  await writeFile(path, `${[...own, ...lines].join('\n')}\n`);
  return path;
}
