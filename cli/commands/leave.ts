import type { Command } from 'commander';
import { askController, ControllerUnreachableError, stateDirOption } from '../admin-client.ts';
import { EXIT, ExitError, UsageError } from '../exit.ts';
import type { Io } from '../io.ts';
import type { Asking } from '../kube/join.ts';
import { addKubeOptions, demandKubernetes, openKube } from '../kube-options.ts';
import { OWN_NAMES } from '../../kubernetes/names.ts';

/** `isthmus leave` */
interface LeaveOptions {
  readonly stateDir: string;
  readonly timeout: string;
  readonly purge?: boolean;
  readonly kubernetes?: boolean;
  readonly kubeconfig?: string;
  readonly context?: string;
  readonly namespace: string;
}

export function register(program: Command, io: Io): void {
  const command = program
    .command('leave')
    .description('leave the clusterset: say a signed goodbye, after which the others let this cluster go')
    .option('--timeout <duration>', 'how long to wait until the authority has taken this cluster off the roster', '30s')
    .option('--purge', 'remove the state folder of a site that has left and whose controller is stopped')
    .option(
      '--kubernetes',
      'ask the installation of a Kubernetes cluster to leave, and to clear the cluster of what it made',
    )
    .addOption(stateDirOption())
    .addHelpText('after', HELP);
  addKubeOptions(command).action((options: LeaveOptions) => leave(options, io));
}

const HELP = `
Other clusters stop calling services of this one within seconds of the goodbye; callers of this cluster's own services inside
it are not touched. To come back, join again with a new token, after --purge or in another state folder.

The authority cannot leave: its clusterset would admit and remove nobody any more.

Examples:
  isthmus leave
  isthmus leave --purge                                 after the controller was stopped
  isthmus leave --kubernetes                            then take the installation away: helm uninstall isthmus`;

interface Left {
  readonly version: number;
  readonly stores: readonly { readonly store: string; readonly published: boolean }[];
}

async function leave(options: LeaveOptions, io: Io): Promise<void> {
  if (options.kubernetes === true) return leaveKubernetes(options, io);
  demandKubernetes(options);
  if (options.purge === true) return purge(options.stateDir, io);
  const { parseDurationMs } = await import('../../sources/documents/fields.ts');
  const timeoutMs = parseDurationMs(options.timeout);
  if (timeoutMs === undefined)
    throw new UsageError(`--timeout ${options.timeout} is not a duration`, 'use for example 30s');
  // The controller is this program in another process; `version` tells when the two differ.
  const left = (await askController(options.stateDir, '/v1/leave', 'POST', LEAVE_ANSWER_MS)) as Left;
  const missing = left.stores.filter(({ published }) => !published).map(({ store }) => store);
  io.stdout.write(`said goodbye in version ${left.version}\n`);
  if (missing.length > 0) io.stderr.write(`not in every store yet: ${missing.join(', ')}\n`);
  await untilOffRoster(options.stateDir, timeoutMs, io);
}

async function leaveKubernetes(options: LeaveOptions, io: Io): Promise<void> {
  if (options.purge === true) {
    throw new UsageError('--purge is for sites without Kubernetes', 'a cluster that leaves keeps no keys anyway');
  }
  const { waitSignal } = await import('../kube/wait.ts');
  const { askToLeave, untilLeft } = await import('../kube/join.ts');
  const { SystemClock } = await import('../../runtime/clock.ts');
  using kube = await openKube(options, io);
  const wait = waitSignal(options.timeout, io);
  const { namespace } = options;
  const asking = { kube, namespace, clock: new SystemClock(), signal: wait.signal };
  await mayLeave(asking);
  await askToLeave(asking);
  if (wait.isOver) {
    io.stderr.write(`asked to leave; ConfigMap ${OWN_NAMES.leave} in ${namespace} is gone when it has left\n`);
    return;
  }
  await wait.orSay(
    untilLeft(asking, (state) => void io.stderr.write(`${state}\n`)),
    {
      message: `the cluster has not left after ${options.timeout}`,
      hint: `a controller that runs goes on; kubectl -n ${namespace} get configmap ${OWN_NAMES.leave} -o yaml tells how far it is`,
    },
  );
  io.stdout.write('the cluster has left, and nothing of it is kept there\n');
}

/** @throws UsageError for a cluster that cannot leave, or is in no clusterset */
async function mayLeave({ kube, namespace }: Pick<Asking, 'kube' | 'namespace'>): Promise<void> {
  const { installedSite } = await import('../kube/installation.ts');
  const { isAuthority, isEnrolled, isLeaving } = await installedSite(kube, namespace);
  if (isAuthority) {
    throw new UsageError(
      'the authority cannot leave: its clusterset would admit and remove nobody any more',
      'its members leave; then take the installation and the namespace away',
    );
  }
  if (isEnrolled || isLeaving) return;
  throw new UsageError('this cluster is in no clusterset', `take the installation away, with namespace ${namespace}`);
}

/** The controller waits for a store itself. */
const LEAVE_ANSWER_MS = 15_000;
const LOOK_EVERY_MS = 300;
/** As `federation/store/remote/login.ts` says it. */
const NOT_A_MEMBER = 'is no active member of the clusterset';

async function untilOffRoster(stateDir: string, timeoutMs: number, io: Io): Promise<void> {
  const { SystemClock } = await import('../../runtime/clock.ts');
  const clock = new SystemClock();
  const signal = io.stopSignal();
  const untilMs = clock.monotonicMs() + timeoutMs;
  for (;;) {
    if (await isOffRoster(stateDir)) {
      io.stdout.write('the authority has taken this cluster off the roster\n');
      io.stderr.write('stop its controller and gateways, then: isthmus leave --purge\n');
      return;
    }
    if (clock.monotonicMs() >= untilMs) {
      io.stderr.write(
        'the authority has not taken this cluster off the roster yet; it does when it reads the goodbye\n',
      );
      throw new ExitError(EXIT.problems);
    }
    await clock.sleep(LOOK_EVERY_MS, signal);
  }
}

async function isOffRoster(stateDir: string): Promise<boolean> {
  const { cluster, stores } = (await askController(stateDir, '/v1/status')) as {
    readonly cluster: string;
    readonly stores: readonly { readonly message?: string }[];
  };
  // A store server lets nobody in who is off the roster: then its word is all that is left to be read.
  if (stores.some(({ message }) => message?.includes(NOT_A_MEMBER) === true)) return true;
  const { members } = (await askController(stateDir, '/debug/roster')) as {
    readonly members: readonly { readonly cluster: string; readonly status: string }[];
  };
  return !members.some((member) => member.cluster === cluster && member.status === 'active');
}

/** Only of a site that has said goodbye, and that nobody runs: keys that others still trust are not thrown away unasked. */
async function purge(stateDir: string, io: Io): Promise<void> {
  const { isDeparting } = await import('../../controller/departure.ts');
  const { stateFolder } = await import('../../controller/state-folder.ts');
  const folder = stateFolder(stateDir);
  if (!(await isDeparting(folder.departure))) {
    throw new UsageError(`the site in ${stateDir} has not left its clusterset`, 'run `isthmus leave` first');
  }
  if (await isRunning(stateDir)) {
    throw new UsageError(`the controller in ${stateDir} still runs`, 'stop it first');
  }
  const { rm } = await import('node:fs/promises');
  await rm(folder.root, { recursive: true });
  io.stdout.write(`removed ${folder.root}\n`);
}

async function isRunning(stateDir: string): Promise<boolean> {
  try {
    await askController(stateDir, '/v1/status');
    return true;
  } catch (error) {
    if (error instanceof ControllerUnreachableError) return false;
    throw error;
  }
}
