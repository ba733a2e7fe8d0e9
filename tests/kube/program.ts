/** Where the API server of tests is: `kube kubeapi`, etcd and kube-apiserver in one process. See docs/testing.md. */
import { accessSync, constants } from 'node:fs';
import { basename, resolve } from 'node:path';

/** What `make kube-server` leaves in the checkout: a link into the per-user cache. */
const INSTALLED = resolve(import.meta.dirname, '../../.tools/kube/bin/kube');

/** One program of the multi-call `kube`, as a command line without its own arguments. */
export type KubeProgram = 'kubeapi' | 'kube-controller-manager' | 'kubectl';

export function kubeServerPath(): string {
  const named = process.env['ISTHMUS_KUBE_SERVER'] ?? '';
  // A packed one is unpacked by `make kube-server`.
  return named === '' || named.endsWith('.xz') ? INSTALLED : named;
}

export function isKubeInstalled(): boolean {
  try {
    accessSync(kubeServerPath(), constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** @throws Error when the program is missing, or is the API server alone and more is asked of it */
export function kubeCommand(program: KubeProgram): readonly [string, ...string[]] {
  const path = kubeServerPath();
  if (!isKubeInstalled()) throw new Error(`${path} is missing: run make kube-server`);
  if (basename(path) !== 'kubeapi') return [path, program];
  if (program === 'kubeapi') return [path];
  throw new Error(`${path} has no ${program}: set ISTHMUS_KUBE_SERVER to the multi-call program kube`);
}
