/** A reflector of ConfigMaps as the product composes it, beside what it told and counted. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { KubeObject } from '../../../kubernetes/api/objects.ts';
import { CONFIG_MAPS } from '../../../kubernetes/api/resources.ts';
import { type OpenKubeTransport, openKubeTransport } from '../../../kubernetes/client.ts';
import { type ChangeBatch, Reflector, type ReflectorInit } from '../../../kubernetes/list-watch/reflector.ts';
import type { ReflectorState } from '../../../kubernetes/list-watch/reflector-state.ts';
import { SystemClock } from '../../../runtime/clock.ts';
import { silentLogger } from '../../../runtime/log.ts';
import { Metrics } from '../../../runtime/metrics.ts';
import { SystemRandom } from '../../../runtime/random.ts';
import { until } from '../../redis/until.ts';
import type { KubeServer } from '../server.ts';

export interface ConfigMapObject extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

export const NAMESPACE = 'default';

export function configMap(name: string, value: string, labels: Record<string, string> = {}): ConfigMapObject {
  return { metadata: { namespace: NAMESPACE, name, labels }, data: { value } };
}

/** The value of a ConfigMap of ours; `undefined` for those that the cluster brings along. */
export function valueOf(object: KubeObject): string | undefined {
  const { data } = object as ConfigMapObject; // every reader narrows by itself
  return data?.['value'];
}

export class Rig implements AsyncDisposable {
  readonly reflector: Reflector<string>;
  readonly batches: ChangeBatch<string>[] = [];
  readonly states: ReflectorState[] = [];
  readonly metrics = new Metrics();
  readonly #transport: OpenKubeTransport;

  constructor(kubeconfig: string, init: Partial<ReflectorInit<string>> = {}) {
    const clock = new SystemClock();
    this.#transport = openKubeTransport({ kubeconfig }, { clock });
    this.reflector = new Reflector<string>(
      { transport: this.#transport, clock, random: new SystemRandom(), log: silentLogger, metrics: this.metrics },
      { resource: CONFIG_MAPS, namespace: NAMESPACE, project: valueOf, ...init },
    );
    this.reflector.onChange((batch) => this.batches.push(batch));
    this.reflector.onState((state) => this.states.push(state));
    this.reflector.start();
  }

  /** Keys without their namespace, sorted. */
  get names(): readonly string[] {
    return [...this.reflector.objects.keys()].map((key) => key.split('/')[1] ?? key).sort();
  }

  get(name: string): string | undefined {
    return this.reflector.objects.get(`${NAMESPACE}/${name}`);
  }

  /** Names that were told as gone, in order. */
  get gone(): readonly string[] {
    return this.batches.flatMap(({ changed }) =>
      [...changed].flatMap(([key, value]) => (value === undefined ? (key.split('/')[1] ?? key) : [])),
    );
  }

  async counted(metric: string, label: string): Promise<number> {
    const text = await this.metrics.text();
    const line = text
      .split('\n')
      .find((each) => each.startsWith(`isthmus_kubernetes_${metric}{`) && each.includes(label));
    return Number(line?.split(' ').at(-1) ?? 0);
  }

  synced(): Promise<void> {
    return until('the first complete list', async () => this.batches.length > 0 && this.reflector.synced);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.reflector.close();
    this.#transport.close();
  }
}

/** The administrator's kubeconfig, for the same server behind another port. */
export async function kubeconfigVia(server: KubeServer, port: number): Promise<string> {
  const path = join(server.dir, `via-${port}.kubeconfig`);
  await writeFile(
    path,
    (await readFile(server.kubeconfig, 'utf8')).replaceAll(server.url, `https://127.0.0.1:${port}`),
  );
  return path;
}
