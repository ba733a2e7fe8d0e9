import { resolve } from 'node:path';
import type { Command } from 'commander';
import { errorText } from '../../runtime/errors.ts';
import { UsageError } from '../exit.ts';
import { addEnrolOptions, type EnrolOptions, newSite } from '../enrol-options.ts';
import type { Io } from '../io.ts';
import type { Asking } from '../kube/join.ts';
import { addKubeOptions, demandKubernetes, openKube } from '../kube-options.ts';

/** `isthmus join` */
interface JoinOptions extends EnrolOptions {
  readonly token?: string;
  readonly tokenFile?: string;
  readonly store: readonly string[];
  readonly kubernetes?: boolean;
  readonly kubeconfig?: string;
  readonly context?: string;
  readonly namespace: string;
  readonly wait: string;
}

export function register(program: Command, io: Io): void {
  const command = program
    .command('join')
    .description('join a clusterset with a token from its authority, and make this site')
    .option('--token <token>', 'the token; other users of this machine can see it while the command runs')
    .option('--token-file <file>', 'file with the token, or - for standard input')
    .option(
      '--store <url>',
      "store of the site, with this cluster's own login; may be repeated; default: the token's",
      collect,
      [],
    )
    .option('--kubernetes', 'hand the token to the installation of a Kubernetes cluster, which does the rest')
    .option('--wait <duration>', 'with --kubernetes: how long to wait until it has joined; 0s: not at all', '1m')
    .addHelpText('after', HELP);
  addKubeOptions(command);
  addEnrolOptions(command).action((options: JoinOptions) => joinClusterset(options, io));
}

const HELP = `
The name of this cluster is in the token. Its CA key is made here and never leaves the state folder. A join that was
interrupted goes on when the same command is run again.

On Redis or Valkey the token's login can only join: --store names the address with the login of this cluster. Its files
(ca, cert, key) are used for joining too.

With --kubernetes the controllers of the cluster make the key themselves; here the token is only put into a Secret of their
namespace, which they take away when it is used.

Examples:
  isthmus join --kubernetes --token-file token
  isthmus join --token-file token --gateway-address 198.51.100.7 --store 'redis://west@redis.example.org?password-file=west.password'
  isthmus join --token-file token --gateway-address 198.51.100.7 --services ./services --up
  isthmus token create --cluster west | ssh west 'isthmus join --token-file - --gateway-address 198.51.100.7'`;

async function joinClusterset(options: JoinOptions, io: Io): Promise<void> {
  if (options.kubernetes === true) refuseSiteOptions(options);
  else demandKubernetes(options);
  const { parseToken } = await import('../../trust/token.ts');
  const token = parseToken(await tokenText(options));
  if (!token.ok) throw new UsageError(token.message, 'make one on the authority: isthmus token create --cluster NAME');
  const { cluster, clustersetDomain } = token.value;
  if (options.kubernetes === true) {
    const text = token.value.reveal();
    return joinInKubernetes(options, { cluster, clusterset: clustersetDomain, text }, io);
  }
  const { joinSite } = await import('../enrol.ts');
  const store = await siteStores(options, token.value.store, io);
  const facts = { cluster, clusterset: clustersetDomain, store, authority: false, dev: false };
  const site = newSite(options, facts, io);
  const { rosterVersion } = await joinSite(site, token.value, io);
  io.stderr.write(`cluster ${cluster} joined ${clustersetDomain} (roster version ${rosterVersion})\n`);
  if (options.up !== true) {
    io.stderr.write(`run it with: isthmus up --state-dir ${site.stateDir}\n`);
    return;
  }
  const { siteFrom } = await import('../config-options.ts');
  const { runSite } = await import('../supervised-site.ts');
  const up = { stateDir: site.stateDir };
  const config = await siteFrom(up, io);
  if (config !== undefined) await runSite(config, up, io);
}

async function joinInKubernetes(
  options: JoinOptions,
  { cluster, clusterset, text }: { readonly cluster: string; readonly clusterset: string; readonly text: string },
  io: Io,
): Promise<void> {
  const { waitSignal } = await import('../kube/wait.ts');
  const { putJoinToken, untilTokenUsed, wakeGateways } = await import('../kube/join.ts');
  const { SystemClock } = await import('../../runtime/clock.ts');
  using kube = await openKube(options, io);
  const wait = waitSignal(options.wait, io);
  const { namespace } = options;
  const asking = { kube, namespace, clock: new SystemClock(), signal: wait.signal };
  await mayJoin(asking, { cluster, clusterset });
  await putJoinToken(asking, text);
  io.stderr.write(`token of cluster ${cluster} handed over in namespace ${namespace}\n`);
  if (wait.isOver) return;
  io.stderr.write('waiting for its controller\n');
  await wait.orSay(untilTokenUsed(asking), {
    message: `cluster ${cluster} has not joined after ${options.wait}`,
    hint: `kubectl -n ${namespace} logs -l app.kubernetes.io/component=controller tells what it waits for`,
  });
  io.stderr.write(`cluster ${cluster} joined\n`);
  await wait.orSay(wakeGateways(asking), {
    message: 'the controller has joined and has not published the CA of its cluster yet',
    hint: 'its gateways start within two minutes after it does',
  });
}

/** All that `join --kubernetes` takes. */
const IN_KUBERNETES = new Set(['token', 'tokenFile', 'kubernetes', 'kubeconfig', 'context', 'namespace', 'wait']);

/** What would be ignored is said. @throws UsageError */
function refuseSiteOptions(options: JoinOptions): void {
  const given = Object.entries(options).filter(([name, value]) => {
    return !IN_KUBERNETES.has(name) && value !== undefined && !(Array.isArray(value) && value.length === 0);
  });
  const [first] = given;
  if (first === undefined) return;
  const flag = first[0].replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  throw new UsageError(
    `--${flag} is for sites without Kubernetes`,
    'in Kubernetes it is a value of the installation: isthmus install --help',
  );
}

/** A token that no controller would take is not put there. @throws UsageError */
async function mayJoin(
  { kube, namespace }: Pick<Asking, 'kube' | 'namespace'>,
  token: { readonly cluster: string; readonly clusterset: string },
): Promise<void> {
  const { installedSite } = await import('../kube/installation.ts');
  const there = await installedSite(kube, namespace);
  for (const what of ['cluster', 'clusterset'] as const) {
    const name = there[what];
    if (name === undefined || name === token[what]) continue;
    throw new UsageError(
      `the token is for ${what} ${token[what]}, and ${name} is installed there`,
      what === 'cluster'
        ? '--context names another cluster of the kubeconfig'
        : 'the names are given by `isthmus install`',
    );
  }
  if (there.isAuthority) {
    throw new UsageError('the authority does not join: it founded its clusterset itself', 'give the token to a member');
  }
  if (there.isEnrolled) {
    throw new UsageError(
      `cluster ${token.cluster} has joined already`,
      'nothing is to be done; to begin anew: isthmus leave --kubernetes, then join with a new token',
    );
  }
}

async function siteStores({ store }: JoinOptions, ofToken: string, io: Io): Promise<readonly string[]> {
  const { hasLogin } = await import('../../controller/enrol/join-store.ts');
  const { resolveStorePaths } = await import('../../controller/config/store-paths.ts');
  const { displayStoreUrl } = await import('../../federation/store/display-url.ts');
  if (store.length > 0) return store.map((url) => resolveStorePaths(url, (path) => resolve(io.cwd, path)));
  if (!hasLogin(ofToken)) return [ofToken];
  const example = `${displayStoreUrl(ofToken).replace('//', '//CLUSTER@')}?password-file=FILE`;
  throw new UsageError(
    "the token's store login can only join: the site needs one of its own",
    `give --store '${example}'`,
  );
}

async function tokenText({ token, tokenFile }: JoinOptions): Promise<string> {
  if (token !== undefined && tokenFile !== undefined)
    throw new UsageError('two tokens', 'give --token or --token-file');
  if (token !== undefined) return token;
  if (tokenFile === undefined) throw new UsageError('a token is needed', 'give --token or --token-file');
  if (tokenFile === '-') {
    const { text } = await import('node:stream/consumers');
    return text(process.stdin);
  }
  const { readFile } = await import('node:fs/promises');
  return readFile(tokenFile, 'utf8').catch((error: unknown) => {
    throw new UsageError(`--token-file ${tokenFile} cannot be read: ${errorText(error)}`);
  });
}

function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}
