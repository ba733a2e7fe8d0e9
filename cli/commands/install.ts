import type { Command } from 'commander';
import type { Manifest } from '../../deploy/manifests/common.ts';
import { UsageError } from '../exit.ts';
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
are applied server-side as manager isthmus-install: running it again changes only what differs.

Examples:
  isthmus install --cluster east --clusterset prod.example.org --authority
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
  const { applyObjects } = await import('../install/apply.ts');
  const isDry = options.dryRun === 'server';
  await applyObjects(kube, manifests, {
    dryRun: isDry ? 'server' : 'none',
    onApplied: ({ kind, metadata }) =>
      void io.stdout.write(`${kind.toLowerCase()}/${metadata.name} ${isDry ? 'would be applied' : 'applied'}\n`),
  });
  if (isDry) return;
  await waitForPods(kube, manifests, options, io);
  const { advise, readCoreDns } = await import('../install/dns-advice.ts');
  const dns = values.dns.enabled ? await readCoreDns(kube, options.namespace) : undefined;
  const advice = dns === undefined ? undefined : advise(dns);
  if (advice !== undefined) io.stderr.write(`${advice}\n`);
  io.stderr.write(`${nextSteps({ ...values, namespace: options.namespace })}\n`);
}

/** A store of its own is what an authority without another one is for. */
function flagValues({ cluster, clusterset, network, region, authority, image, set, values }: InstallOptions) {
  const servesStore = authority === true && values === undefined && !set.some((one) => /^store(Server)?\b/.test(one));
  return {
    cluster,
    clusterset,
    network,
    region,
    authority,
    ...(servesStore ? { storeServer: { enabled: true } } : {}),
    ...(image === undefined ? {} : { image: imageValue(image) }),
  };
}

function imageValue(image: string) {
  const [name = '', digest] = image.split('@');
  if (digest !== undefined) return { repository: name, digest };
  // A colon after the last slash begins a tag; one before it is the port of a registry.
  const colon = name.indexOf(':', name.lastIndexOf('/') + 1);
  return colon < 0 ? { repository: name } : { repository: name.slice(0, colon), tag: name.slice(colon + 1) };
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

async function waitForPods(
  kube: Awaited<ReturnType<typeof openKube>>,
  manifests: readonly Manifest[],
  { wait }: InstallOptions,
  io: Io,
): Promise<void> {
  const { waitSignal } = await import('../kube/wait.ts');
  const waiting = waitSignal(wait, io);
  if (waiting.isOver) return;
  const { untilAvailable } = await import('../install/apply.ts');
  const { SystemClock } = await import('../../runtime/clock.ts');
  let said = '';
  const onWaiting = (text: string): void => {
    if (text !== said) io.stderr.write(`${text}\n`);
    said = text;
  };
  const deployments = manifests.filter(({ kind }) => kind === 'Deployment');
  const { signal } = waiting;
  await waiting.orSay(untilAvailable(kube, deployments, { clock: new SystemClock(), signal, onWaiting }), {
    message: `not all pods are there after ${wait}`,
    hint: 'kubectl -n NAMESPACE describe pods tells why',
  });
}

function nextSteps({
  authority,
  cluster,
  namespace,
}: {
  authority: boolean;
  cluster: string;
  namespace: string;
}): string {
  const exec = `kubectl -n ${namespace} exec deploy/isthmus-controller -- `;
  if (authority)
    return `cluster ${cluster} is the authority. A token for each further cluster:\n  ${exec}isthmus token create --cluster NAME`;
  return `cluster ${cluster} waits for a join token of the authority:\n  isthmus join --kubernetes --token-file FILE`;
}

function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}
