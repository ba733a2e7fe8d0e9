import type { Command } from 'commander';
import type { Manifest } from '../../deploy/manifests/common.ts';
import type { InstallValues } from '../../deploy/manifests/values.ts';
import { DEFAULT_NAMESPACE } from '../../kubernetes/names.ts';
import { UsageError } from '../exit.ts';
import type { AwaitPods } from '../install/await-pods.ts';
import type { Io } from '../io.ts';
import { addKubeOptions, type KubeOptions, openKube } from '../kube-options.ts';
import { outputOption } from '../output/format.ts';

/** `isthmus install` */
interface InstallOptions extends KubeOptions {
  readonly cluster?: string;
  readonly clusterset?: string;
  readonly network?: string;
  readonly region?: string;
  readonly authority?: boolean;
  readonly image?: string;
  readonly values?: string;
  readonly set: readonly string[];
  readonly dryRun?: string | boolean;
  readonly wait: string;
  readonly output: 'yaml' | 'json';
}

type OpenKube = Awaited<ReturnType<typeof openKube>>;

export function register(program: Command, io: Io): void {
  const command = program
    .command('install')
    .description('put Isthmus into a Kubernetes cluster, or bring what is there to this version and these values')
    .option('--cluster <name>', 'name of this cluster')
    .option('--clusterset <domain>', 'DNS name of the clusterset')
    .option('--network <name>', 'network of this cluster; default: one of its own')
    .option('--region <name>', 'region of this cluster')
    .option('--authority', 'found the clusterset here: this cluster holds its root and serves its store')
    .option('--image <image>', 'image of controllers and gateways, REPOSITORY:TAG or REPOSITORY@DIGEST')
    .option('--values <file>', 'values file, as the chart takes it')
    .option('--set <path=value>', 'one value of the chart; may be repeated', collect, [])
    .option(
      '--dry-run [server]',
      'print the objects and what to do about DNS; with `server`: let the API server check them',
    )
    .option('--wait <duration>', 'how long to wait until all pods are there; 0s: not at all', '2m')
    .addOption(outputOption(['yaml', 'json']))
    .addHelpText('after', HELP);
  addKubeOptions(command).action((options: InstallOptions) => install(options, io));
}

const HELP = `
The objects are those of the chart (deploy/chart), so that helm, kustomize and this command give the same installation. They
are applied server-side as manager isthmus-install: running it again, with this or a newer version, changes only what differs.
Nothing is deleted. A member's pods are ready when it has joined (\`isthmus join --kubernetes\`).

Examples:
  isthmus install --cluster east --clusterset prod.example.org --authority
  isthmus install --cluster west --clusterset prod.example.org
  isthmus install --cluster west --clusterset prod.example.org --dry-run > west.yaml
  isthmus install --cluster west --clusterset prod.example.org --dry-run=server
  isthmus install --cluster west --clusterset prod.example.org --set gateway.service.type=NodePort --context west`;

async function install(options: InstallOptions, io: Io): Promise<void> {
  if (options.dryRun !== undefined && options.dryRun !== true && options.dryRun !== 'server') {
    throw new UsageError(`--dry-run=${String(options.dryRun)} is not known`, 'use --dry-run or --dry-run=server');
  }
  const { installValues } = await import('../install/values.ts');
  const { installObjects } = await import('../install/objects.ts');
  const { softwareVersion } = await import('../../controller/version.ts');
  const values = await installValues({ file: options.values, set: options.set, flags: flagValues(options) });
  const release = { namespace: options.namespace, version: softwareVersion() };
  const manifests = await installObjects({ values, release });
  if (options.dryRun === true) return print(manifests, options, io);
  using kube = await openKube(options, io);
  const { guardIdentity } = await import('../install/identity-guard.ts');
  await guardIdentity(kube, options.namespace, values);
  if (options.dryRun === 'server') return tryOut(kube, manifests, io);
  const { applyObjects } = await import('../install/apply.ts');
  const onApplied = ({ kind, metadata }: Manifest): void => {
    io.stdout.write(`${kind.toLowerCase()}/${metadata.name} applied\n`);
  };
  await applyObjects(kube, manifests, { dryRun: 'none', onApplied });
  await waitForPods(kube, manifests, options, io);
  const { advise, readCoreDns } = await import('../install/dns-advice.ts');
  const dns = values.dns.enabled ? await readCoreDns(kube, options.namespace) : undefined;
  const advice = dns === undefined ? undefined : advise(dns);
  if (advice !== undefined) io.stderr.write(`${advice}\n`);
  io.stderr.write(`${nextSteps(values, options)}\n`);
}

function flagValues({ cluster, clusterset, network, region, authority, image }: InstallOptions) {
  return {
    cluster,
    clusterset,
    network,
    region,
    authority,
    ...(image === undefined ? {} : { image: imageValue(image) }),
  };
}

/** Tag and digest both: one that a values file has would go before the other that is given here. */
function imageValue(image: string) {
  const [name = '', digest] = image.split('@');
  if (digest !== undefined) return { repository: name, tag: '', digest };
  // A colon after the last slash begins a tag; one before it is the port of a registry.
  const colon = name.indexOf(':', name.lastIndexOf('/') + 1);
  return colon < 0
    ? { repository: name, tag: '', digest: '' }
    : { repository: name.slice(0, colon), tag: name.slice(colon + 1), digest: '' };
}

async function print(manifests: readonly Manifest[], options: InstallOptions, io: Io): Promise<void> {
  if (options.output === 'json') {
    io.stdout.write(`${JSON.stringify({ apiVersion: 'v1', kind: 'List', items: manifests }, undefined, 2)}\n`);
    return;
  }
  const { stringify } = await import('yaml');
  const texts = manifests.map((one) => stringify(one, { lineWidth: 0, aliasDuplicateObjects: false }));
  io.stdout.write(texts.join('---\n'));
  const { dnsAdvice } = await import('../install/dns-advice.ts');
  io.stdout.write(dnsAdvice(options.namespace));
}

async function tryOut(kube: OpenKube, manifests: readonly Manifest[], io: Io): Promise<void> {
  const { applyObjects, dryRunPlace } = await import('../install/apply.ts');
  const place = await dryRunPlace(kube, manifests);
  await applyObjects(kube, place.manifests, {
    dryRun: 'server',
    onApplied: ({ kind, metadata }) =>
      void io.stdout.write(`${kind.toLowerCase()}/${metadata.name} would be applied\n`),
  });
  if (place.isElsewhere) {
    io.stderr.write('its namespace is not there yet: what goes into it was checked as if it were for another one\n');
  }
}

/** Controllers of a member run before it has joined; they and its gateways are ready only afterwards. */
async function waitForPods(
  kube: OpenKube,
  manifests: readonly Manifest[],
  { wait, namespace }: InstallOptions,
  io: Io,
): Promise<void> {
  const { waitSignal } = await import('../kube/wait.ts');
  const waiting = waitSignal(wait, io);
  if (waiting.isOver) return;
  const { untilStarted } = await import('../install/await-pods.ts');
  const { installedSite } = await import('../kube/installation.ts');
  const { SystemClock } = await import('../../runtime/clock.ts');
  let said = '';
  const onWaiting = (text: string): void => {
    if (text !== said) io.stderr.write(`${text}\n`);
    said = text;
  };
  const deployments = manifests.filter(({ kind }) => kind === 'Deployment');
  const [controllers] = deployments;
  const { isAuthority, isEnrolled } = await installedSite(kube, namespace);
  const init = { clock: new SystemClock(), signal: waiting.signal, onWaiting };
  const pods =
    isAuthority || isEnrolled || controllers === undefined
      ? untilAllAvailable({ kube, namespace }, deployments, init)
      : untilStarted(kube, controllers, init);
  await waiting.orSay(pods, {
    message: `not all pods are there after ${wait}`,
    hint: `it is installed; kubectl -n ${namespace} describe pods tells what they wait for`,
  });
}

/** Controllers first: gateways start with the CA that those publish, and a kubelet is slow to show it to pods that wait. */
async function untilAllAvailable(
  { kube, namespace }: { readonly kube: OpenKube; readonly namespace: string },
  deployments: readonly Manifest[],
  init: AwaitPods,
): Promise<void> {
  const { isAvailable, untilAvailable } = await import('../install/await-pods.ts');
  const { wakeGateways } = await import('../kube/join.ts');
  const [controllers, ...gateways] = deployments;
  if (controllers === undefined) return;
  await untilAvailable(kube, [controllers], init);
  for (const deployment of gateways) {
    if (!(await isAvailable(kube, deployment, init.signal))) await wakeGateways({ kube, namespace, ...init });
  }
  await untilAvailable(kube, gateways, init);
}

/** Commands to be copied: they name the same cluster as this one did. */
function nextSteps({ authority, cluster }: InstallValues, { namespace, context, kubeconfig }: KubeOptions): string {
  const same = [
    ...(kubeconfig === undefined ? [] : ['--kubeconfig', kubeconfig]),
    ...(context === undefined ? [] : ['--context', context]),
  ];
  const kubectl = ['kubectl', ...same, '-n', namespace].join(' ');
  if (authority) {
    return `cluster ${cluster} is the authority. A token for each further cluster:
  ${kubectl} exec deploy/isthmus-controller -- isthmus token create --cluster NAME`;
  }
  const where = namespace === DEFAULT_NAMESPACE ? same : [...same, '--namespace', namespace];
  const join = ['isthmus', 'join', '--kubernetes', ...where].join(' ');
  return `cluster ${cluster} joins with a token of the authority, unless it has joined already:
  ${join} --token-file FILE`;
}

function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}
