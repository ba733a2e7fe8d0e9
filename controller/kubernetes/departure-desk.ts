import { rm } from 'node:fs/promises';
import { CONFIG_MAPS } from '../../kubernetes/api/resources.ts';
import { octetsOf } from '../../kubernetes/keep/kept-object.ts';
import { Reflector, type ReflectorComponents } from '../../kubernetes/list-watch/reflector.ts';
import { OWN_NAMES } from '../../kubernetes/names.ts';
import type { Timer } from '../../runtime/clock.ts';
import { errorText } from '../../runtime/errors.ts';
import type { Controller } from '../controller.ts';
import { type OwnObjects, ownObjects } from '../keep/own-objects.ts';

/**
 * Leaving in Kubernetes: a ConfigMap asks for it, and the replica that leads does it. The goodbye first, then everything
 * that was made in the cluster, and last the keys: what fails in between is tried again at the next start, and the
 * ConfigMap stays until all is done. A replica that follows forgets its copy of the keys and ends, so that it does not put
 * them back. What remains is the installation, which waits for a token of a new life, or is taken away.
 */
export interface DepartureDeskComponents extends ReflectorComponents {
  readonly controller: Controller;
  readonly keep: AsyncDisposable;
  /** Resolves when nothing waits to be written: with the cluster leaving, everything of ours is gone then. */
  readonly untilCleared: () => Promise<void>;
  /** The process has nothing to do any more. */
  readonly onLeft: () => void;
}

/** In the ConfigMap, for whoever waits. */
const STATE_ENTRY = 'state';
/** A controller that still runs may put a file into a folder that is being removed: then it is removed once more. */
const REMOVE = { recursive: true, force: true, maxRetries: 10, retryDelay: 50 } as const;
/** No event tells that what failed would succeed now. */
const TRY_AGAIN_MS = 2_000;

export class DepartureDesk implements AsyncDisposable {
  readonly #components: DepartureDeskComponents;
  readonly #asked: Reflector<true>;
  readonly #objects: OwnObjects;
  #again: Timer | undefined;
  #leaving: Promise<void> | undefined;

  constructor(components: DepartureDeskComponents, init: { readonly namespace: string }) {
    this.#components = components;
    this.#objects = ownObjects(components, init.namespace);
    this.#asked = new Reflector<true>(components, {
      resource: CONFIG_MAPS,
      namespace: init.namespace,
      fieldSelector: `metadata.name=${OWN_NAMES.leave}`,
      project: () => true,
    });
  }

  start(): void {
    this.#asked.onChange(() => this.#look());
    this.#components.controller.role.onLeading(() => this.#look());
    this.#asked.start();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#asked.close();
    await this.#leaving;
    this.#again?.cancel();
  }

  #look(): void {
    const { role } = this.#components.controller;
    if (this.#asked.objects.size === 0 || this.#leaving !== undefined) return;
    const work = role.mayWrite ? () => this.#leave() : role.view.kind === 'follower' ? () => this.#follow() : undefined;
    if (work === undefined) return;
    this.#leaving = work().finally(() => {
      this.#leaving = undefined;
    });
  }

  /** Never rejects. */
  async #follow(): Promise<void> {
    const { controller, log, onLeft } = this.#components;
    if (controller.config.authority) return;
    log.info('this cluster leaves its clusterset: this replica ends, the one that leads does the rest');
    await this.#forgetDisk().catch((error: unknown) => {
      log.warn('the keys on the disk of this pod could not be removed', { error: errorText(error) });
    });
    onLeft();
  }

  /** Never rejects. */
  async #leave(): Promise<void> {
    const { controller, log, onLeft } = this.#components;
    try {
      if (controller.config.authority) {
        await this.#tell('refused: this cluster is the authority of its clusterset');
        return;
      }
      await this.#tell('saying goodbye');
      const { version } = await controller.leave();
      await this.#tell(`said goodbye in version ${version}, clearing the cluster`);
      await this.#components.untilCleared();
      await this.#removeOwn();
      log.info('this cluster has left its clusterset, and nothing of it is kept here');
      onLeft();
    } catch (error) {
      log.warn('this cluster could not leave yet, will try again', { error: errorText(error) });
      await this.#tell(`not yet: ${errorText(error)}`).catch(() => undefined); // it is in the log
      this.#again ??= this.#components.clock.after(TRY_AGAIN_MS, () => {
        this.#again = undefined;
        this.#look();
      });
    }
  }

  async #tell(text: string): Promise<void> {
    await this.#objects.leave.change((data) => new Map(data).set(STATE_ENTRY, octetsOf(text)));
  }

  /** The request last: as long as it is there, somebody goes on. */
  async #removeOwn(): Promise<void> {
    const { keep } = this.#components;
    // Or it would write marks and ports once more.
    await keep[Symbol.asyncDispose]();
    await this.#forgetDisk();
    const { joinToken, ports, marks, journal, trust, keys, leave } = this.#objects;
    for (const object of [joinToken, ports, marks, journal, trust, keys, leave]) await object.remove(() => true);
  }

  async #forgetDisk(): Promise<void> {
    const { folder } = this.#components.controller;
    const paths = [folder.keys, folder.clusterCaCertificate, folder.joinedRoster, folder.joinedStore, folder.departure];
    for (const path of [...paths, folder.marks, folder.lastGood]) await rm(path, REMOVE);
  }
}
