import type { GatewayAddress } from '../../federation/model/records.ts';
import { sameValue } from '../../federation/model/same-value.ts';
import type { Clock } from '../../runtime/clock.ts';
import { errorText, type Finding } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import type { GatewayAddresses, SlimGatewayService, SlimNode } from '../gateway-addresses.ts';
import { gatewayAddresses, needsNodes } from '../gateway-addresses.ts';
import type { GatewayPod, PodSlice } from '../gateway-pods.ts';
import { gatewayPods } from '../gateway-pods.ts';
import { KeptFile } from './kept-file.ts';
import type { Reflected } from './reflected.ts';

/**
 * Follows the Service in front of the own gateways: where others reach them, and which gateway pods are ready. What was
 * known last outlives a restart, because a cluster that forgets its gateways' addresses cannot be reached by anybody.
 */
export interface GatewayFacts extends GatewayAddresses {
  readonly pods: readonly GatewayPod[];
}

export interface GatewayWatchComponents {
  readonly clock: Clock;
  readonly log: Logger;
  /** Of the own namespace, the gateway Service alone. */
  readonly service: Reflected<SlimGatewayService>;
  /** Of that Service. */
  readonly slices: Reflected<PodSlice>;
  /** Made when node ports are what counts, and closed when they are not any more. */
  readonly openNodes: () => Reflected<SlimNode>;
}

export interface GatewayWatchInit {
  readonly fixed: readonly GatewayAddress[];
  readonly dev: boolean;
  readonly memoryFile?: string | undefined;
}

export type GatewayListener = (facts: GatewayFacts) => void;

interface OpenNodes {
  readonly reflector: Reflected<SlimNode>;
  readonly undo: () => void;
}

const MEMORY_SCHEMA = 1;

export class GatewayWatch {
  readonly #components: GatewayWatchComponents;
  readonly #init: GatewayWatchInit;
  readonly #memory: KeptFile<GatewayFacts>;
  readonly #listeners = new Set<GatewayListener>();
  #undo: (() => void)[] = [];
  #nodes: OpenNodes | undefined;
  #closing: Promise<void>[] = [];
  #facts: GatewayFacts | undefined;

  constructor(components: GatewayWatchComponents, init: GatewayWatchInit) {
    this.#components = components;
    this.#init = init;
    this.#memory = new KeptFile(components, {
      path: init.memoryFile,
      kind: 'kubernetes-gateway',
      schema: MEMORY_SCHEMA,
      encode: (facts) => [JSON.stringify(facts)],
      // The file's hash and schema say that `encode` wrote it.
      decode: (lines) => JSON.parse(lines[0] ?? '') as GatewayFacts,
    });
  }

  async start(): Promise<void> {
    const { service, slices, log } = this.#components;
    try {
      this.#facts = await this.#memory.load();
    } catch (error) {
      log.warn('the last known gateway addresses are unreadable, starting without', { err: errorText(error) });
    }
    this.#undo = [service.onChange(() => this.#refresh()), slices.onChange(() => this.#refresh())];
    this.#refresh();
    service.start();
    slices.start();
  }

  /** `undefined`: nothing is known, not even from the disk. */
  get facts(): GatewayFacts | undefined {
    return this.#facts;
  }

  get findings(): readonly Finding[] {
    const { service, slices } = this.#components;
    const nodes = this.#nodes?.reflector.findings ?? [];
    return [...service.findings, ...slices.findings, ...nodes, ...(this.#facts?.findings ?? [])];
  }

  /** Calls `listener` after every change of `facts`. Returns what takes it off again. */
  onChange(listener: GatewayListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    for (const undo of this.#undo) undo();
    this.#undo = [];
    this.#listeners.clear();
    this.#closeNodes();
    await Promise.all([this.#components.service.close(), this.#components.slices.close(), ...this.#closing]);
    await this.#memory.close();
  }

  #refresh(): void {
    const { service, slices } = this.#components;
    if (!service.synced || !slices.synced) return;
    const [present] = service.objects.values();
    if (needsNodes(present, this.#init)) this.#nodes ??= this.#openNodes();
    else this.#closeNodes();
    const pods = gatewayPods([...slices.objects.values()]);
    const addresses = this.#addresses(present, pods);
    if (addresses === undefined) return;
    this.#adopt({ ...addresses, pods });
  }

  /** `undefined` while the nodes are about to be known. If they may not be, what was known last stays. */
  #addresses(service: SlimGatewayService | undefined, pods: readonly GatewayPod[]): GatewayAddresses | undefined {
    const nodes = this.#nodes?.reflector;
    if (nodes?.synced === false) {
      if (nodes.findings.length === 0) return undefined;
      if (this.#facts !== undefined) return this.#facts;
    }
    return gatewayAddresses({
      service,
      nodes: [...(nodes?.objects.values() ?? [])],
      gatewayNodes: new Set(pods.flatMap(({ nodeName }) => nodeName ?? [])),
      fixed: this.#init.fixed,
      dev: this.#init.dev,
    });
  }

  #adopt(facts: GatewayFacts): void {
    const before = this.#facts;
    if (before !== undefined && sameValue(before, facts)) return;
    // Parts that are as before stay the same objects, so that a new pod does not look like a new address.
    this.#facts = {
      ...facts,
      addresses: keep(facts.addresses, before?.addresses),
      pods: keep(facts.pods, before?.pods),
    };
    this.#memory.save(this.#facts);
    for (const listener of this.#listeners) listener(this.#facts);
  }

  #openNodes(): OpenNodes {
    const reflector = this.#components.openNodes();
    const undo = reflector.onChange(() => this.#refresh());
    reflector.start();
    return { reflector, undo };
  }

  #closeNodes(): void {
    if (this.#nodes === undefined) return;
    this.#nodes.undo();
    this.#closing = [this.#nodes.reflector.close()];
    this.#nodes = undefined;
  }
}

function keep<T>(now: T, before: T | undefined): T {
  return before !== undefined && sameValue(now, before) ? before : now;
}
