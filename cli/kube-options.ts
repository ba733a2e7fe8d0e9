import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { type Command, Option } from 'commander';
import { DEFAULT_NAMESPACE } from '../kubernetes/names.ts';
import type { OpenKubeTransport } from '../kubernetes/client.ts';
import { UsageError } from './exit.ts';
import type { Io } from './io.ts';

/** Options of the commands that talk to an API server, found as kubectl finds it. */
export interface KubeOptions {
  readonly kubeconfig?: string;
  readonly context?: string;
  readonly namespace: string;
}

export function addKubeOptions(command: Command): Command {
  return command
    .option(
      '--kubeconfig <file>',
      'kubeconfig; default: KUBECONFIG, else ~/.kube/config, else the service account of the pod',
    )
    .option('--context <name>', 'context of the kubeconfig; default: its current one')
    .addOption(new Option('--namespace <name>', 'namespace of the installation').default(DEFAULT_NAMESPACE));
}

/**
 * A command that also works on a site of this machine does not do so for somebody who meant a cluster: a token is used up
 * and a site has left, once and for all. @throws UsageError
 */
export function demandKubernetes({ kubeconfig, context, namespace }: KubeOptions): void {
  const given = [
    ...(kubeconfig === undefined ? [] : ['--kubeconfig']),
    ...(context === undefined ? [] : ['--context']),
    ...(namespace === DEFAULT_NAMESPACE ? [] : ['--namespace']),
  ];
  if (given.length === 0) return;
  throw new UsageError(`${given.join(' and ')} without --kubernetes: this would be about a site of this machine`);
}

/** Not closed by itself: `using`. */
export async function openKube(options: KubeOptions, io: Io): Promise<OpenKubeTransport & Disposable> {
  const { openKubeTransport } = await import('../kubernetes/client.ts');
  const { SystemClock } = await import('../runtime/clock.ts');
  const { existsSync } = await import('node:fs');
  const usual = join(homedir(), '.kube', 'config');
  const [named] = (io.env['KUBECONFIG'] ?? '').split(delimiter).filter((path) => path !== '');
  const kubeconfig = options.kubeconfig ?? named ?? (existsSync(usual) ? usual : undefined);
  const { context } = options;
  if (kubeconfig === undefined && io.env['KUBERNETES_SERVICE_HOST'] === undefined) {
    throw new UsageError(`no cluster is named: there is no ${usual}`, 'give --kubeconfig FILE, or set KUBECONFIG');
  }
  const transport = openKubeTransport({ kubeconfig, context, userAgent: 'isthmus-cli' }, { clock: new SystemClock() });
  return Object.assign(transport, { [Symbol.dispose]: () => transport.close() });
}
